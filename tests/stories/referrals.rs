//! From a yes on the line to help received, and everything that may come between.

mod claims;
mod escalation;
mod issuing;
mod moves;
mod notices;
mod partner;
mod people;
mod queues;
mod races;

use diesel::prelude::*;
use goldaw::access::{Actor, Role};
use goldaw::contacts::{self, Against, NewContact};
use goldaw::directory::{self, Areas, OrganisationForm, Service, ServiceForm};
use goldaw::error::{Error, Result};
use goldaw::input::{FromJson, Json, read};
use goldaw::referrals::model::{self, Hop, Referral, Ticket};
use goldaw::referrals::moves::Order;
use goldaw::referrals::{claim, issue};
use goldaw::storage::schema::staff;
use goldaw::storage::{Tx, new_id, new_reference};

use crate::support::Hotline;

/// A hotline with three people, two shelters and a clinic.
pub struct Desk<'a> {
    pub hotline: &'a Hotline,
    pub areas: Areas,
    pub operator: Actor,
    pub counselor: Actor,
    pub colleague: Actor,
    pub coordinator: Actor,
    pub first: Service,
    pub second: Service,
    pub clinic: Service,
}

impl Desk<'_> {
    pub fn at(hotline: &Hotline) -> Desk<'_> {
        let areas = Areas::load(&hotline.setting.config).unwrap();
        let operator = hire(hotline, "op-07", Role::Operator, None);
        let house = |name: &str, kind: &str, free: i32| service(hotline, &areas, &operator, (name, kind, free));
        let (first, second) = (house("First", "safe_house", 1), house("Second", "safe_house", 90));
        let clinic = house("Clinic", "medical", 5);
        Desk {
            counselor: hire(hotline, "co-01", Role::Counselor, None),
            colleague: hire(hotline, "co-02", Role::Counselor, None),
            coordinator: hire(hotline, "cd-01", Role::Coordinator, None),
            hotline,
            areas,
            operator,
            first,
            second,
            clinic,
        }
    }

    /// Somebody at the partner that runs a service.
    pub fn partner_of(&self, service: &Service) -> Actor {
        hire(self.hotline, &format!("pa-{}", service.reference), Role::Partner, Some(&service.organisation.id))
    }

    pub fn write<T: Send + 'static>(
        &self,
        actor: &Actor,
        work: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.hotline.store.write_blocking(actor.by(), work)
    }

    pub fn read<T>(&self, work: impl FnOnce(&mut goldaw::storage::Db) -> Result<T>) -> T {
        self.hotline.store.read_blocking(work).unwrap()
    }

    /// A call that is still live; gives its reference.
    pub fn call(&self) -> String {
        let body = r#"{"channel":"phone","kind":"support","caller_role":"survivor","language":"tk",
            "person":{"age_band":"26_40","sex":"female","area":"TM-M-BAY","children_with_her":2},
            "answers":{"strangled":"yes","weapon":"yes"},"wishes":["safe_house"]}"#;
        let (setting, operator, now) = (&self.hotline.setting, &self.operator, self.hotline.clock.now());
        let rules = setting.rules.now();
        let against = Against { config: &setting.config, rules: &rules, areas: &self.areas };
        let prepared = contacts::prepare(of::<NewContact>(body), &operator.id, against, &setting.vault, now).unwrap();
        let id = prepared.id().to_owned();
        self.write(operator, move |tx| contacts::record(tx, &prepared)).unwrap();
        self.read(|db| contacts::model::by_id(db, &id)).reference
    }

    /// A ticket for a place to stay, both shelters named.
    pub fn ticket(&self) -> (Ticket, Referral) {
        self.ticket_naming(&[&self.first, &self.second])
    }

    pub fn ticket_naming(&self, services: &[&Service]) -> (Ticket, Referral) {
        self.ticket_for("safe_house", services)
    }

    pub fn ticket_for(&self, need: &str, services: &[&Service]) -> (Ticket, Referral) {
        let id = self.issue(&self.call(), &needs(need, services, FIELDS)).unwrap();
        let ticket = self.read(|db| model::ticket(db, &id));
        let referral = self.read(|db| model::referrals_of(db, &id)).remove(0);
        (ticket, referral)
    }

    pub fn issue(&self, contact: &str, body: &str) -> Result<String> {
        let (operator, contact, form) = (self.operator.clone(), contact.to_owned(), of::<issue::IssueForm>(body));
        self.write(&self.operator, move |tx| issue::issue(tx, &operator, &contact, &form))
    }

    pub fn claim(&self, actor: &Actor, ticket: &Ticket) -> Result<String> {
        let (who, reference) = (actor.clone(), ticket.reference.clone());
        self.write(actor, move |tx| claim::claim(tx, &who, &reference))
    }

    pub fn mv(&self, actor: &Actor, referral: &Referral, order: &Order) -> Result<Referral> {
        let (who, reference, order) = (actor.clone(), referral.reference.clone(), order.clone());
        let id: String = self.write(actor, move |tx| goldaw::referrals::moves::make(tx, &who, &reference, &order))?;
        Ok(self.read(|db| model::referral(db, &id)))
    }

    pub fn referral(&self, referral: &Referral) -> Referral {
        self.read(|db| model::referral(db, &referral.id))
    }

    pub fn hops(&self, referral: &Referral) -> Vec<Hop> {
        self.read(|db| model::hops(db, &referral.id))
    }

    /// The kinds of the steps of a referral, in order.
    pub fn steps(&self, id: &str) -> Vec<String> {
        let ids = [id.to_owned()];
        let steps = self.read(|db| goldaw::storage::records::steps_of(db, &ids));
        steps.into_iter().map(|step| step.kind).collect()
    }

    /// Letters about a referral: the service they go to, and how they stand.
    pub fn letters(&self, referral: &Referral) -> Vec<goldaw::notifications::Notification> {
        let all = self.read(|db| goldaw::notifications::list(db, None, None, None, 200));
        all.into_iter().filter(|letter| letter.referral_id.as_ref() == Some(&referral.id)).collect()
    }
}

pub const FIELDS: &str = r#"["need","age_band","children_with_her"]"#;

/// The body that issues one need.
pub fn needs(kind: &str, services: &[&Service], fields: &str) -> String {
    let named: Vec<String> = services.iter().map(|service| format!("\"{}\"", service.reference)).collect();
    format!(
        r#"{{"needs":[{{"need":"{kind}","services":[{}],"consent":{{"given":true,"named_aloud":true,
            "given_by":"survivor","how":"verbal","fields":{fields}}}}}]}}"#,
        named.join(",")
    )
}

pub fn of<T: FromJson>(body: &str) -> T {
    read(&Json::parse(body.as_bytes()).unwrap()).unwrap()
}

/// The code of a conflict and what it names.
pub fn conflict<T>(outcome: Result<T>) -> (&'static str, Option<String>) {
    match outcome.err() {
        Some(Error::Conflict { code, detail }) => (code, detail.map(|(_, value)| value)),
        other => panic!("expected a conflict, got {other:?}"),
    }
}

pub fn hire(hotline: &Hotline, name: &str, role: Role, organisation: Option<&str>) -> Actor {
    let now = hotline.clock.now();
    let actor = Actor {
        id: new_id(now).unwrap(),
        reference: new_reference('S').unwrap(),
        name: name.to_owned(),
        role,
        organisation_id: organisation.map(str::to_owned),
        session_id: String::new(),
        request: String::new(),
    };
    diesel::insert_into(staff::table)
        .values((
            (staff::id.eq(&actor.id), staff::reference.eq(&actor.reference), staff::version.eq(1)),
            (staff::name.eq(name), staff::role.eq(role), staff::organisation_id.eq(organisation)),
            (staff::passphrase_hash.eq(""), staff::totp_last_step.eq(0_i64)),
            (staff::active.eq(true), staff::created_at.eq(now), staff::updated_at.eq(now)),
        ))
        .execute(&mut hotline.stranger())
        .unwrap();
    actor
}

fn service(hotline: &Hotline, areas: &Areas, by: &Actor, (name, kind, free): (&str, &str, i32)) -> Service {
    let house: OrganisationForm = of(&format!(r#"{{"kind":"civil_society","names":{{"en":"{name}"}}}}"#));
    let (areas, name, kind) = (areas.clone(), name.to_owned(), kind.to_owned());
    let work = move |tx: &mut Tx<'_>| {
        let organisation = directory::create_organisation(tx, &house)?;
        let form: ServiceForm = of(&format!(
            r#"{{"organisation":"{reference}","type":"{kind}","names":{{"en":"{name}"}},"areas":["TM-M"],
                "location_confidential":true,"duty_to_report":false,"letter_language":"en","hours":"24/7",
                "capacity":{{"unit":"places","available":{free},"maximum":90}},
                "endpoints":[{{"channel":"email","address":"{0}@example.org"}},
                    {{"channel":"phone","address":"65 123456"}},
                    {{"channel":"email","address":"night-{0}@example.org"}}]}}"#,
            name.to_lowercase(),
            reference = organisation.reference,
        ));
        directory::create_service(tx, &areas, &form)
    };
    hotline.store.write_blocking(by.by(), work).unwrap()
}
