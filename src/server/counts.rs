//! What is counted of requests: how many, how they ended, how long they took, by the pattern of
//! their address. Each counter is looked up once and then only added to.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{Counter, Histogram};

use crate::access::Routes;
use crate::telemetry::measures::{REQUEST_SECONDS, REQUESTS};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// One for each line of the route table, and one for all that is not in it.
pub(super) struct Counts {
    known: HashMap<String, Vec<Address>>,
    unknown: Address,
}

struct Address {
    route: String,
    method: String,
    ended: [OnceLock<Counter>; CLASSES.len()],
    took: OnceLock<Histogram>,
}

impl Counts {
    pub(super) fn of(routes: &Routes) -> Counts {
        let mut known: HashMap<String, Vec<Address>> = HashMap::new();
        for entry in routes.entries() {
            known.entry(entry.path.clone()).or_default().push(Address::new(&entry.path, entry.method.as_str()));
        }
        Counts { known, unknown: Address::new("none", "other") }
    }

    /// Counts one request.
    pub(super) fn add(&self, route: Option<&str>, method: &Method, status: StatusCode, took: Duration) {
        let here = route.and_then(|route| self.known.get(route));
        let address = here.and_then(|here| here.iter().find(|address| address.method == method.as_str()));
        address.unwrap_or(&self.unknown).add(status, took);
    }
}

impl Address {
    fn new(route: &str, method: &str) -> Address {
        Address { route: route.into(), method: method.into(), ended: Default::default(), took: OnceLock::new() }
    }

    fn add(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let (Some(ended), Some(class)) = (self.ended.get(class), CLASSES.get(class)) {
            let named = || metrics::counter!(REQUESTS, "route" => self.route.clone(), "method" => self.method.clone(), "status" => *class);
            ended.get_or_init(named).increment(1);
        }
        let named =
            || metrics::histogram!(REQUEST_SECONDS, "route" => self.route.clone(), "method" => self.method.clone());
        self.took.get_or_init(named).record(took);
    }
}
