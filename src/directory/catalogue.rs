//! The services of each type as they were last read. A match asks whether anything has changed since,
//! which every change says by a higher version, and reads them again only then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::dsl::{count_star, sum};
use diesel::prelude::*;

use super::{Candidate, Service, ServiceType, model};
use crate::error::Result;
use crate::storage::Db;
use crate::storage::schema::{organisations, services};

/// Services by type. One for the whole process.
#[derive(Default)]
pub struct Catalogue(Mutex<HashMap<ServiceType, Shelf>>);

/// What was read of one type, and when in the history of the directory.
#[derive(Clone)]
struct Shelf {
    edition: Edition,
    services: Arc<[Arc<Service>]>,
}

/// How many services of a type and organisations there are, and their versions added up.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Edition {
    services: (i64, Option<i64>),
    organisations: (i64, Option<i64>),
}

impl Edition {
    fn now(db: &mut Db, kind: ServiceType) -> Result<Edition> {
        let of_type = services::table.filter(services::kind.eq(kind));
        Ok(Edition {
            services: of_type.select((count_star(), sum(services::version))).first(db)?,
            organisations: organisations::table.select((count_star(), sum(organisations::version))).first(db)?,
        })
    }
}

impl Catalogue {
    /// Every service of a type, whatever its status: matching says why one was passed over.
    pub fn candidates(&self, db: &mut Db, kind: ServiceType) -> Result<Vec<Candidate>> {
        let services = self.services(db, kind)?;
        Ok(services.iter().map(|service| Candidate { service: service.clone(), accepted_since: 0, load: 0 }).collect())
    }

    fn services(&self, db: &mut Db, kind: ServiceType) -> Result<Arc<[Arc<Service>]>> {
        let edition = Edition::now(db, kind)?;
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lock().get(&kind).filter(|shelf| shelf.edition == edition).map(|shelf| shelf.services.clone());
        if let Some(services) = kept {
            return Ok(services);
        }
        let services: Arc<[Arc<Service>]> = model::services_of_type(db, kind)?.into_iter().map(Arc::new).collect();
        lock().insert(kind, Shelf { edition, services: services.clone() });
        Ok(services)
    }
}
