//! `GET /reports/response-times`.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::response_times::{Lateness, Spread};
use super::{FEWEST, Grouping, Moment, ReferralTimes, Stage, Summary, Term, TicketTimes, Wanted};
use crate::access::{Answer, Filtered, Page, Paged, Params, Permit, Query, ReadReports, Role, Routes};
use crate::clock::{DAY, Instant};
use crate::error::Result;
use crate::state::App;
use crate::storage::read_reference;
use crate::triage::Level;

/// A window that nobody asked for otherwise: the last 31 days.
const USUAL_WINDOW: i64 = 31 * DAY;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/reports").list("/response-times", response_times, "How long each step took, and what came too late")
}

/// `?from&to&level&area&service&group_by&limit&after`. Who may see aggregates only gets no rows.
async fn response_times(
    actor: Permit<ReadReports>,
    Filtered(asked): Filtered<Asked>,
    app: Data<App>,
) -> Result<Answer<View>> {
    let now = app.clock.now();
    let rows_too = actor.role == Role::Coordinator;
    let (wanted, grouping, page) = asked.settled(now, actor.id.clone());
    let after = page.after(&app.vault)?;
    let (sought, limit, first) = (wanted.clone(), page.limit, after.is_none());
    let read = move |db: &mut crate::storage::Db| {
        let groups = if first { Some(super::summary(db, &sought, grouping, now)?) } else { None };
        let rows = if rows_too { super::response_times(db, &sought, after.as_ref(), limit, now)? } else { Vec::new() };
        Ok((rows, groups))
    };
    let (rows, groups) = app.store.read(read).await?;
    let key = |row: &TicketTimes| (row.issued_at, row.key.clone());
    let shown = Paged::of(rows, &page, &app.vault, key, TicketView::of)?;
    let view = View::of(&wanted, grouping, groups, rows_too.then_some(shown.items), rows_too);
    Ok(Answer::json(&view).next(shown.next.map(|next| link(&wanted, grouping, page.limit, &next))))
}

fn link(wanted: &Wanted, grouping: Grouping, limit: i64, next: &str) -> String {
    let optional = [("level", &wanted.level), ("area", &wanted.area), ("service", &wanted.service)];
    let kept: String =
        optional.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", value.as_ref()?))).collect();
    let (from, to) = (wanted.from, wanted.to);
    format!("/api/v1/reports/response-times?limit={limit}&from={from}&to={to}&group_by={grouping}{kept}&after={next}")
}

struct Asked {
    from: Option<Instant>,
    to: Option<Instant>,
    level: Option<String>,
    area: Option<String>,
    service: Option<String>,
    grouping: Grouping,
    page: Page,
}

impl Asked {
    fn settled(self, now: Instant, viewer: String) -> (Wanted, Grouping, Page) {
        // A ticket issued in this very moment belongs to "until now".
        let to = self.to.unwrap_or(now.plus(1));
        let from = self.from.unwrap_or(to.plus(-USUAL_WINDOW));
        let wanted = Wanted { from, to, level: self.level, area: self.area, service: self.service, viewer };
        (wanted, self.grouping, self.page)
    }
}

impl Query for Asked {
    fn from_params(params: &Params) -> Option<Self> {
        let level = params.read("level", json!({"type": "string", "enum": Level::ALL.map(Level::code)}), |code| {
            Level::from_code(code).map(|level| level.code().to_owned()).ok_or("not_allowed")
        });
        let area = params.read("area", json!({"type": "string", "pattern": "^[A-Za-z0-9-]{2,32}$"}), |text| {
            is_area(text).then(|| text.to_owned()).ok_or("not_allowed")
        });
        let service =
            params.read("service", json!({"type": "string"}), |text| read_reference('S', text).ok_or("not_allowed"));
        Some(Asked {
            from: params.time("from"),
            to: params.time("to"),
            level,
            area,
            service,
            grouping: params.of("group_by").unwrap_or(Grouping::None),
            page: Page::from_params(params)?,
        })
    }
}

/// The form of an area's code; nothing that means something to `LIKE`.
fn is_area(text: &str) -> bool {
    (2..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Response times of a window.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ResponseTimes")]
struct View {
    from: Instant,
    to: Instant,
    group_by: Grouping,
    /// On the first page only: it is about the whole window.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<GroupView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<TicketView>>,
}

impl View {
    fn of(
        wanted: &Wanted,
        group_by: Grouping,
        groups: Option<Vec<Summary>>,
        items: Option<Vec<TicketView>>,
        all: bool,
    ) -> View {
        let fewest = if all { 1 } else { FEWEST };
        let groups = groups.map(|groups| groups.into_iter().map(|group| GroupView::of(group, fewest)).collect());
        View { from: wanted.from, to: wanted.to, group_by, groups, items }
    }
}

#[derive(Serialize, JsonSchema)]
struct GroupView {
    group: Option<String>,
    steps: Vec<SpreadView>,
    due: Vec<LatenessView>,
}

impl GroupView {
    fn of(summary: Summary, fewest: usize) -> GroupView {
        let enough = |count: usize| count >= fewest;
        GroupView {
            group: summary.group,
            steps: summary.steps.into_iter().filter(|s| enough(s.count)).map(SpreadView::of).collect(),
            due: summary.terms.into_iter().filter(|t| enough(t.count)).map(LatenessView::of).collect(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct SpreadView {
    step: Stage,
    since: Stage,
    count: usize,
    median_seconds: i64,
    p90_seconds: i64,
}

impl SpreadView {
    fn of(spread: Spread) -> SpreadView {
        let Spread { since, stage: step, count, median: median_seconds, p90: p90_seconds } = spread;
        SpreadView { step, since, count, median_seconds, p90_seconds }
    }
}

#[derive(Serialize, JsonSchema)]
struct LatenessView {
    step: Stage,
    count: usize,
    late: usize,
}

impl LatenessView {
    fn of(term: Lateness) -> LatenessView {
        LatenessView { step: term.stage, count: term.count, late: term.late }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TicketTimes")]
struct TicketView {
    ticket: String,
    level: String,
    area: Option<String>,
    state: String,
    issued_at: Instant,
    contact_steps: Vec<MomentView>,
    ticket_steps: Vec<MomentView>,
    due: Vec<TermView>,
    referrals: Vec<ReferralView>,
}

impl TicketView {
    fn of(times: TicketTimes) -> TicketView {
        TicketView {
            ticket: times.reference,
            level: times.level,
            area: times.area,
            state: times.state,
            issued_at: times.issued_at,
            contact_steps: times.contact.into_iter().map(MomentView::of).collect(),
            ticket_steps: times.ticket.into_iter().map(MomentView::of).collect(),
            due: vec![TermView::of(times.claim)],
            referrals: times.referrals.into_iter().map(ReferralView::of).collect(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReferralTimes")]
struct ReferralView {
    referral: String,
    need: String,
    state: String,
    service: String,
    hop: i32,
    steps: Vec<MomentView>,
    due: Vec<TermView>,
}

impl ReferralView {
    fn of(times: ReferralTimes) -> ReferralView {
        ReferralView {
            referral: times.reference,
            need: times.need,
            state: times.state,
            service: times.service,
            hop: times.hop,
            steps: times.steps.into_iter().map(MomentView::of).collect(),
            due: times.terms.into_iter().map(TermView::of).collect(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct MomentView {
    step: Stage,
    at: Instant,
    since: Option<Stage>,
    seconds: Option<i64>,
    since_start_seconds: Option<i64>,
}

impl MomentView {
    fn of(moment: Moment) -> MomentView {
        let start = moment.since_start.or(moment.since);
        MomentView {
            step: moment.stage,
            at: moment.at,
            since: moment.since.map(|(stage, _)| stage),
            seconds: moment.since.and_then(|(_, seconds)| seconds),
            since_start_seconds: start.and_then(|(_, seconds)| seconds),
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct TermView {
    step: Stage,
    due: Instant,
    at: Option<Instant>,
    late: bool,
}

impl TermView {
    fn of(term: Term) -> TermView {
        TermView { step: term.stage, due: term.due, at: term.at, late: term.late }
    }
}
