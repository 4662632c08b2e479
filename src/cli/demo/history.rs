//! Four weeks that never were: invented calls, the tickets some of them led to, and how partners
//! answered. Everything happens through the verbs of the rooms, under a clock that is moved from one
//! event to the next, so that every step, clock and trail row is as it would have been.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::access::{Actor, Role};
use crate::cli::house::House;
use crate::cli::{Faults, told};
use crate::clock::{DAY, HOUR, Instant, MINUTE, SECOND};
use crate::contacts::{self, Against, NewContact};
use crate::directory::{self, Capacity, Counts, ServiceFilter, ServiceStatus, ServiceType};
use crate::error::{Error, Result};
use crate::identity::terminal;
use crate::input::{self, FromJson, Json};
use crate::notifications::channels::{Channels, Memory};
use crate::notifications::{self, Channel, State};
use crate::referrals::claim::{self, CloseForm};
use crate::referrals::issue::{self, IssueForm};
use crate::referrals::moves::{self, Order};
use crate::referrals::states::DeclineReason;
use crate::referrals::{model, views};
use crate::storage::{By, Tx};

/// How long it has been going on.
pub(super) const SPAN: i64 = 28 * DAY;
const CALLS: u32 = 150;
const PROVINCES: [&str; 6] = ["TM-A", "TM-B", "TM-D", "TM-L", "TM-M", "TM-S"];
const AGES: [&str; 6] = ["12_17", "18_25", "26_40", "26_40", "41_60", "unknown"];
const LANGUAGES: [&str; 4] = ["tk", "tk", "ru", "uz"];
const OTHERWISE: [&str; 2] = ["no", "unknown"];
const ASKED: [&str; 6] =
    ["perpetrator_present", "strangled", "weapon", "threat_to_kill", "badly_hurt", "nowhere_safe_tonight"];
const NEEDS: [ServiceType; 4] =
    [ServiceType::Psychosocial, ServiceType::Medical, ServiceType::Legal, ServiceType::SafeHouse];

/// What happens at a moment.
enum Event {
    Call,
    Claim(String, Actor),
    Move(String, Order),
    Close(String, Actor),
}

/// The house while its past is made up.
struct Past<'a> {
    house: &'a House,
    dice: Dice,
    operators: Vec<Actor>,
    counselors: Vec<Actor>,
    coordinator: Actor,
    /// By moment, then by order of being thought of.
    ahead: BTreeMap<(Instant, u32), Event>,
    thought_of: u32,
}

/// Makes up everything from [`SPAN`] before `until`. The house must be open on a held clock.
pub(super) fn invent(house: &House, until: Instant) -> Result<(), Faults> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| vec![format!("the runtime cannot be started: {error}")])?;
    // The letters of the past went; they are in nobody's folder now.
    let channels = Channels::default().with(Channel::Email, Arc::new(Memory::default()));
    let (stop, stopped) = watch::channel(false);
    let app = &house.app;
    let worker = runtime.spawn(notifications::run(app.store.clone(), channels, app.config.clone(), stopped));
    let outcome = Past::of(house, until).and_then(|past| past.pass(until)).map_err(told);
    let _ = stop.send(true);
    let _ = runtime.block_on(worker);
    outcome
}

impl<'a> Past<'a> {
    fn of(house: &'a House, until: Instant) -> Result<Past<'a>> {
        let staff = terminal::list(&house.app.store)?;
        let of = |role: Role| -> Vec<Actor> {
            let people = staff.iter().filter(|person| person.role == role);
            people
                .map(|person| Actor {
                    id: person.id.clone(),
                    reference: person.reference.clone(),
                    name: person.name.clone(),
                    role,
                    organisation_id: None,
                    session_id: String::new(),
                    request: String::new(),
                })
                .collect()
        };
        let coordinator = of(Role::Coordinator).into_iter().next().ok_or(Error::NotFound)?;
        let mut past = Past {
            house,
            dice: Dice(0x5eed_601d_a300_0001),
            operators: of(Role::Operator),
            counselors: of(Role::Counselor),
            coordinator,
            ahead: BTreeMap::new(),
            thought_of: 0,
        };
        for _ in 0..CALLS {
            let ago = past.dice.below(SPAN - HOUR) + HOUR;
            past.later(until.plus(-ago), Event::Call);
        }
        Ok(past)
    }

    fn later(&mut self, at: Instant, event: Event) {
        self.thought_of += 1;
        self.ahead.insert((at, self.thought_of), event);
    }

    fn pass(mut self, until: Instant) -> Result<()> {
        while let Some(((at, _), event)) = self.ahead.pop_first() {
            if at >= until {
                break;
            }
            self.house.app.clock.set(at);
            match self.happen(at, event) {
                // Between two people something can have changed; then it did not happen.
                Ok(()) | Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            self.letters_go()?;
        }
        self.house.app.clock.set(until);
        self.state_capacities()
    }

    fn happen(&mut self, at: Instant, event: Event) -> Result<()> {
        match event {
            Event::Call => self.call(at),
            Event::Claim(ticket, actor) => {
                self.write(actor, move |tx, actor| claim::claim(tx, actor, &ticket).map(|_| ()))
            }
            Event::Move(referral, order) => {
                let actor = self.coordinator.clone();
                self.write(actor, move |tx, actor| moves::make(tx, actor, &referral, &order).map(|_| ()))
            }
            Event::Close(ticket, actor) => {
                let form: CloseForm = read(&json!({ "reason": "needs_met" }))?;
                self.write(actor, move |tx, actor| {
                    claim::claim(tx, actor, &ticket)?;
                    claim::close(tx, actor, &ticket, &form).map(|_| ())
                })
            }
        }
    }

    fn write<T: Send + 'static>(
        &self,
        actor: Actor,
        work: impl Fn(&mut Tx<'_>, &Actor) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.house.app.store.write_blocking(actor.by(), move |tx| work(tx, &actor))
    }

    fn call(&mut self, at: Instant) -> Result<()> {
        let province = self.dice.pick(&PROVINCES).copied().unwrap_or("TM-M");
        let (opened, body) = self.said(at, province);
        let app = &self.house.app;
        let rules = app.rules.now();
        let against = Against { config: &app.config, rules: &rules, areas: &self.house.areas };
        let operator = self.dice.pick(&self.operators).cloned().ok_or(Error::NotFound)?;
        let new: NewContact = read(&body)?;
        let prepared = contacts::prepare(new, &operator.id, against, &app.vault, at)?;
        let reference = self.write(operator.clone(), move |tx, _| {
            let id = contacts::record(tx, &prepared)?;
            Ok(contacts::model::by_id(tx.db, &id)?.reference)
        })?;
        match opened {
            Some(opened) if self.dice.below(10) < 5 => self.ticket(at, operator, &reference, province, opened),
            _ => Ok(()),
        }
    }

    /// What was heard; and since when, if it was somebody who can be helped.
    fn said(&mut self, at: Instant, province: &str) -> (Option<Instant>, Value) {
        let opened = at.plus(-(4 + self.dice.below(20)) * MINUTE);
        let queued = opened.plus(-self.dice.below(90) * SECOND);
        if self.dice.below(6) == 0 {
            let kind = self.dice.pick(&["silent", "hang_up", "wrong_number"]).copied();
            let nobody = json!({ "channel": "phone", "kind": kind, "opened_at": opened, "queued_at": queued,
                "answered_at": opened, "caller_role": "unknown", "finish": true });
            return (None, nobody);
        }
        let dice = &mut self.dice;
        let mut answers = serde_json::Map::new();
        for asked in ASKED {
            if dice.below(4) > 0 {
                // Most are not in danger this minute; the rest are what the line is for.
                let answer = if dice.below(6) == 0 { Some(&"yes") } else { dice.pick(&OTHERWISE) };
                answers.insert(asked.into(), json!(answer));
            }
        }
        let somebody = json!({ "channel": "phone", "kind": "support", "opened_at": opened, "queued_at": queued, "answered_at": opened,
            "caller_role": "survivor", "language": dice.pick(&LANGUAGES), "limits_explained": true,
            "person": { "age_band": dice.pick(&AGES), "sex": "female", "area": province },
            "answers": answers, "finish": true });
        (Some(opened), somebody)
    }

    /// She said yes to one kind of help, at two services by name at most.
    fn ticket(&mut self, at: Instant, operator: Actor, contact: &str, province: &str, opened: Instant) -> Result<()> {
        let need = self.dice.pick(&NEEDS).copied().unwrap_or(ServiceType::Psychosocial);
        let filter = ServiceFilter {
            kind: Some(need),
            area: Some(province.to_owned()),
            status: Some(ServiceStatus::Active),
            organisation: None,
        };
        let areas = &self.house.areas;
        let fitting = self.house.app.store.read_blocking(|db| directory::list_services(db, areas, &filter, None, 2))?;
        let services: Vec<&str> = fitting.iter().map(|service| service.reference.as_str()).collect();
        if services.is_empty() {
            return Ok(());
        }
        let form: IssueForm = read(&json!({ "needs": [{ "need": need, "services": services, "consent": {
            "given": true, "named_aloud": true, "given_by": "survivor", "how": "verbal", "duty_to_report_read": true,
            "fields": ["need", "age_band", "language"], "consented_at": opened } }] }))?;
        let contact = contact.to_owned();
        let issued = self.write(operator, move |tx, actor| {
            let id = issue::issue(tx, actor, &contact, &form)?;
            let referrals = model::referrals_of(tx.db, &id)?.into_iter().map(|row| row.reference);
            Ok((views::reference(tx, &id)?, referrals.collect::<Vec<_>>()))
        });
        let (ticket, referrals) = match issued {
            // Rules exclude some kinds of help for some people; then none is asked for.
            Err(Error::Invalid(_)) => return Ok(()),
            issued => issued?,
        };
        self.what_follows(at, &ticket, &referrals, services.len() > 1)
    }

    fn what_follows(&mut self, at: Instant, ticket: &str, referrals: &[String], second: bool) -> Result<()> {
        let counselor = self.dice.pick(&self.counselors).cloned().ok_or(Error::NotFound)?;
        let claimed = at.plus(MINUTE + self.dice.below(25 * MINUTE));
        self.later(claimed, Event::Claim(ticket.to_owned(), counselor.clone()));
        let mut last = at;
        for referral in referrals {
            let mut when = at;
            if second && self.dice.below(7) == 0 {
                when = when.plus(2 * MINUTE + self.dice.below(20 * MINUTE));
                self.later(when, Event::Move(referral.clone(), Order::Decline(DeclineReason::NoCapacity)));
            }
            let course = [
                (Order::Acknowledge, MINUTE, 30 * MINUTE),
                (Order::Accept, MINUTE, 40 * MINUTE),
                (Order::Told, MINUTE, 20 * MINUTE),
                (Order::Start, HOUR, 20 * HOUR),
                (Order::Complete { confirmed: None }, 3 * HOUR, 4 * DAY),
            ];
            for (order, least, spread) in course {
                when = when.plus(least + self.dice.below(spread));
                self.later(when, Event::Move(referral.clone(), order));
            }
            last = last.max(when);
        }
        let closed = last.plus(HOUR + self.dice.below(DAY));
        self.later(closed, Event::Close(ticket.to_owned(), counselor));
        Ok(())
    }

    /// Waits until the worker has nothing to do at this moment, so that letters go in their own time.
    fn letters_go(&self) -> Result<()> {
        for _ in 0..2000 {
            let outbox = self.house.app.store.read_blocking(notifications::outbox)?;
            let waiting = |state| matches!(state, State::Pending | State::Leased);
            if outbox.counts.iter().all(|(state, count)| *count == 0 || !waiting(*state)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// This morning every service said again what it has free.
    fn state_capacities(&self) -> Result<()> {
        let (store, areas) = (&self.house.app.store, &self.house.areas);
        let all =
            |db: &mut _| directory::list_services(db, areas, &ServiceFilter::default(), None, i64::from(i32::MAX));
        let services = store.read_blocking(all)?;
        let state = move |tx: &mut Tx<'_>| {
            services.iter().try_for_each(|service| match service.form.capacity {
                Capacity::Stated { available, maximum, .. } => {
                    let counts = Counts { available, maximum };
                    directory::state_capacity(tx, &service.reference, service.version, counts).map(|_| ())
                }
                Capacity::Unlimited => Ok(()),
            })
        };
        store.write_blocking(By::system(), state)
    }
}

/// A body as it would have come over HTTP.
fn read<T: FromJson>(body: &Value) -> Result<T> {
    input::read(&Json::parse(body.to_string().as_bytes())?)
}

/// The same numbers each time, so that every demo tells the same story (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16;
        i64::try_from(number).unwrap_or_default() % end.max(1)
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        let end = i64::try_from(from.len()).unwrap_or(i64::MAX);
        usize::try_from(self.below(end)).ok().and_then(|place| from.get(place))
    }
}
