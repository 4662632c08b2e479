//! Where something was asked for and nobody is there to give it.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::model::{self, Wanted};
use crate::clock::Instant;
use crate::directory::{self, Areas, Service, ServiceFilter, ServiceStatus, ServiceType};
use crate::error::Result;
use crate::storage::Db;

/// Who may see aggregates only gets no count below this: a district is small.
pub const FEWEST_IN_A_DISTRICT: usize = 10;

/// One need in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// A district; a province where no more is known; `None` where nothing is.
    pub area: Option<String>,
    /// What was asked for.
    pub need: ServiceType,
    /// In how many finished calls of the window.
    pub asked: usize,
    /// How many services could be asked today.
    pub open_services: usize,
    /// Referrals of the window's tickets for which none of the services she named is left.
    pub unroutable: usize,
}

/// Needs that no open service could meet, by district. Errors: those of the window.
pub fn service_gaps(db: &mut Db, areas: &Areas, wanted: &Wanted, zone: Tz) -> Result<Vec<Gap>> {
    super::check_window(wanted)?;
    let mut found: BTreeMap<(Option<String>, ServiceType), (usize, usize)> = BTreeMap::new();
    for (area, wishes, count) in model::wishes(db, wanted, days(wanted, zone))? {
        // One call asks for one thing once, however often it was written down.
        let needs: BTreeSet<ServiceType> = wishes.split(',').filter_map(ServiceType::from_code).collect();
        for need in needs {
            found.entry((area.clone(), need)).or_default().0 += count;
        }
    }
    for (area, need, count) in model::unroutable(db, wanted)? {
        let Some(need) = ServiceType::from_code(&need) else { continue };
        let code = area.as_deref();
        let place = code.and_then(|code| areas.district_of(code).or_else(|| areas.province_of(code)));
        found.entry((place.map(|area| area.code.clone()), need)).or_default().1 += count;
    }
    let services = directory::list_services(db, areas, &ServiceFilter::default(), None, i64::from(i32::MAX))?;
    let gaps = found.into_iter().map(|((area, need), (asked, unroutable))| {
        let could = |service: &&Service| could_help(service, need, area.as_deref(), areas);
        Gap { open_services: services.iter().filter(could).count(), area, need, asked, unroutable }
    });
    Ok(gaps.filter(|gap| gap.open_services == 0 || gap.unroutable > 0).collect())
}

/// As matching sees it before it knows anything of her but where she is: active, reached somehow,
/// and serving her place or a part of it. Not knowing where she is excludes nobody.
fn could_help(service: &Service, need: ServiceType, area: Option<&str>, areas: &Areas) -> bool {
    let serves = |hers: &str| {
        let reach = areas.reach(hers);
        service.form.areas.iter().any(|served| {
            reach.contains(&served.as_str()) || areas.ancestors(served).iter().any(|above| above.code == hers)
        })
    };
    service.form.kind == need
        && service.status() == ServiceStatus::Active
        && service.is_reachable()
        && area.is_none_or(serves)
}

/// The first and the last local day of a window, as reporting rows count days.
fn days(wanted: &Wanted, zone: Tz) -> (i64, i64) {
    let day = |at: Instant| i64::from(at.utc().with_timezone(&zone).date_naive().to_epoch_days());
    (day(wanted.from), day(wanted.to.plus(-1)))
}
