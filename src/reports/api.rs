//! `GET /reports/response-times`, `/reports/service-gaps` and `/reports/feedback`.

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::response_times::{Lateness, Spread};
use super::{
    FEWEST, FEWEST_IN_A_DISTRICT, Gap, Grouping, Heard, Moment, ReferralTimes, Stage, Summary, Term, TicketTimes,
    Wanted,
};
use crate::access::{Answer, Filtered, Page, Paged, Params, Permit, Query, ReadReports, Role, Routes};
use crate::clock::{DAY, Instant};
use crate::directory::{Areas, ServiceType};
use crate::error::Result;
use crate::state::App;
use crate::storage::read_reference;
use crate::triage::Level;

/// A window that nobody asked for otherwise: the last 31 days.
const USUAL_WINDOW: i64 = 31 * DAY;

/// The addresses of this room.
pub fn routes() -> Routes {
    Routes::at("/reports")
        .list("/response-times", response_times, "How long each step took, and what came too late")
        .list("/service-gaps", service_gaps, "What was asked for where no open service gives it")
        .list("/feedback", feedback, "What was said of each service after help had ended")
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

/// `?from&to`. Who may see aggregates only gets no small counts.
async fn service_gaps(
    actor: Permit<ReadReports>,
    Filtered(asked): Filtered<Window>,
    app: Data<App>,
    areas: Data<Areas>,
) -> Result<Answer<GapsView>> {
    let wanted = asked.settled(app.clock.now(), actor.id.clone());
    let fewest = if actor.role == Role::Coordinator { 1 } else { FEWEST_IN_A_DISTRICT };
    let (from, to, zone) = (wanted.from, wanted.to, app.config.place.time_zone);
    let gaps = app.store.read(move |db| super::service_gaps(db, &areas, &wanted, zone)).await?;
    let items = gaps.into_iter().filter_map(|gap| GapView::of(gap, fewest)).collect();
    Ok(Answer::json(&GapsView { from, to, items }))
}

/// `?from&to`. Who may see aggregates only gets no small counts.
async fn feedback(
    actor: Permit<ReadReports>,
    Filtered(asked): Filtered<Window>,
    app: Data<App>,
) -> Result<Answer<FeedbackReport>> {
    let wanted = asked.settled(app.clock.now(), actor.id.clone());
    let fewest = if actor.role == Role::Coordinator { 1 } else { FEWEST };
    let (from, to) = (wanted.from, wanted.to);
    let heard = app.store.read(move |db| super::feedback(db, &wanted)).await?;
    let items = heard.into_iter().filter(|heard| heard.asked >= fewest).map(|one| HeardView::of(one, fewest)).collect();
    Ok(Answer::json(&FeedbackReport { from, to, items }))
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

/// `?from&to`
struct Window {
    from: Option<Instant>,
    to: Option<Instant>,
}

impl Window {
    fn settled(self, now: Instant, viewer: String) -> Wanted {
        let to = self.to.unwrap_or(now.plus(1));
        let from = self.from.unwrap_or(to.plus(-USUAL_WINDOW));
        Wanted { from, to, level: None, area: None, service: None, viewer }
    }
}

impl Query for Window {
    fn from_params(params: &Params) -> Option<Self> {
        Some(Window { from: params.time("from"), to: params.time("to") })
    }
}

/// Needs without a service, in a window whose days count whole.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceGaps")]
struct GapsView {
    from: Instant,
    to: Instant,
    items: Vec<GapView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceGap")]
struct GapView {
    /// A district; a province where no more is known; `null` where nothing is.
    area: Option<String>,
    need: ServiceType,
    /// In how many calls it was asked for; `null` where that is too few to be told.
    asked: Option<usize>,
    /// How many services could be asked today.
    open_services: usize,
    /// How many referrals have no service left; `null` where that is too few to be told.
    unroutable: Option<usize>,
}

impl GapView {
    /// `None` where there is nothing left to tell.
    fn of(gap: Gap, fewest: usize) -> Option<GapView> {
        // For who may see all, zero is a count; for others it is a small one.
        let told = |count: usize| Some(count).filter(|count| fewest == 1 || *count >= fewest);
        let (asked, unroutable) = (told(gap.asked), told(gap.unroutable));
        let view = GapView { area: gap.area, need: gap.need, asked, open_services: gap.open_services, unroutable };
        (view.asked.is_some() || view.unroutable.is_some()).then_some(view)
    }
}

/// What was said of each service, of what was to be asked in a window.
#[derive(Serialize, JsonSchema)]
struct FeedbackReport {
    from: Instant,
    to: Instant,
    items: Vec<HeardView>,
}

#[derive(Serialize, JsonSchema)]
struct HeardView {
    service: String,
    /// How often somebody was to ask.
    asked: usize,
    /// How often there was an answer; here and below `null` where that is too few to be told.
    answered: Option<usize>,
    received: YesNo,
    safe: YesNo,
    would_call_again: YesNo,
}

#[derive(Serialize, JsonSchema)]
struct YesNo {
    yes: Option<usize>,
    no: Option<usize>,
}

impl HeardView {
    fn of(heard: Heard, fewest: usize) -> HeardView {
        let told = |count: usize| Some(count).filter(|count| fewest == 1 || *count >= fewest);
        let both = |(yes, no): (usize, usize)| YesNo { yes: told(yes), no: told(no) };
        HeardView {
            service: heard.service,
            asked: heard.asked,
            answered: told(heard.answered),
            received: both(heard.received),
            safe: both(heard.safe),
            would_call_again: both(heard.would_call_again),
        }
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
