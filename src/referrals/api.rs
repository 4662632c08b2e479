//! Tickets and referrals over HTTP.

use actix_web::web::Data;

use super::claim::{self, AssignForm, CloseForm, NoteForm};
use super::issue::{self, IssueForm, Named};
use super::moves::{self, Order, Reroute};
use super::notices::{self, Notice, NoticeView};
use super::preview::{self, MatchForm, Preview};
use super::queue::{self, QueueQuery, RowView};
use super::states::{CancelReason, DeclineReason, FailReason};
use super::views::{self, ReferralSeen, TicketSeen, TicketView};
use crate::access::{
    Actor, Answer, AssignTickets, Body, Done, Filtered, IssueTickets, Items, KeepCases, Keyed, MatchServices,
    MoveReferrals, Nothing, Page, Paged, Part, Permit, Posted, ReadReferrals, ReadTickets, Reference, Routes,
    WorkTickets,
};
use crate::clock::Instant;
use crate::directory::{Areas, Catalogue};
use crate::error::Result;
use crate::input::{self, At, Fields, FromJson, Json};
use crate::state::App;
use crate::storage::{Db, Replay, Tx};

/// Every address of this room, below `/api/v1`. Handlers ask for `Data<Areas>`.
pub fn routes() -> Routes {
    Routes::at("")
        .post("/services/match", match_services, "Which services fit a need now, and why others were passed over")
        .post(
            "/contacts/{id}/tickets",
            issue_ticket,
            "Issue a ticket: her needs, each with the services she said yes to by name",
        )
        .post(
            "/cases/{id}/consents/{part}/withdraw",
            withdraw,
            "Take a consent back: letters are stopped and views close at once",
        )
        .list("/tickets", list_tickets, "Open tickets in the order they need somebody")
        .get("/tickets/{id}", show_ticket, "A ticket, as much of it as the asker may see")
        .post("/tickets/{id}/claim", claim_ticket, "Take a ticket; the first one gets it")
        .post("/tickets/{id}/release", release_ticket, "Give a ticket back to the queue")
        .post("/tickets/{id}/assign", assign_ticket, "Give a ticket to a counselor")
        .post("/tickets/{id}/notes", note_ticket, "Write a note on a ticket one holds")
        .post("/tickets/{id}/close", close_ticket, "Close a ticket whose referrals have ended")
        .list("/me/notices", notices, "What became of referrals of tickets I hold and of calls I recorded")
        .get("/referrals/{id}", show_referral, "A referral, as much of it as the asker may see")
        .post("/referrals/{id}/acknowledge", acknowledge, "The partner has seen it")
        .post("/referrals/{id}/accept", accept, "The partner accepts")
        .post("/referrals/{id}/decline", decline, "The partner declines, and says why")
        .post("/referrals/{id}/told", told, "She knows where and when to come")
        .post("/referrals/{id}/start", start, "Help has begun")
        .post("/referrals/{id}/complete", complete, "Help was given")
        .post("/referrals/{id}/fail", fail, "Help was not given, and why")
        .post("/referrals/{id}/hand-back", hand_back, "The partner gives it back, and says why")
        .post("/referrals/{id}/cancel", cancel, "It is not needed any more")
        .post("/referrals/{id}/reroute", reroute, "Ask the next service she named")
        .post("/referrals/{id}/reopen", reopen, "Take a closed referral up again")
}

type TicketId = Reference<'R'>;
type ReferralId = Reference<'F'>;
type Mover = Permit<MoveReferrals>;

async fn match_services(
    who: Permit<MatchServices>,
    app: Data<App>,
    (areas, catalogue): (Data<Areas>, Data<Catalogue>),
    Body(form): Body<MatchForm>,
) -> Result<Answer<Preview>> {
    let actor = who.clone();
    let found = app.store.write(who.by(), move |tx| preview::preview(tx, (&areas, &catalogue), &actor, &form)).await?;
    Ok(Answer::json(&found))
}

async fn issue_ticket(
    who: Permit<IssueTickets>,
    app: Data<App>,
    contact: Reference<'C'>,
    keyed: Keyed<IssueForm>,
) -> Result<Answer<TicketView, 201>> {
    let actor = who.clone();
    let issued = move |tx: &mut Tx<'_>| {
        let id = tx.once(Some(&keyed.replay), 201, |tx| issue::issue(tx, &actor, &contact.0, &keyed.form))?;
        Ok((views::reference(tx, &id)?, views::issued(tx, &id)?))
    };
    let (reference, ticket) = app.store.write(who.by(), issued).await?;
    Ok(Answer::json(&ticket).at(format!("/api/v1/tickets/{reference}")))
}

/// What ends with a consent is referrals, so withdrawing lives here, whatever its address.
async fn withdraw(
    who: Permit<KeepCases>,
    app: Data<App>,
    (Reference(case), Part(consent)): (Reference<'K'>, Part<'Y'>),
    posted: Posted<Nothing>,
) -> Result<Done> {
    let actor = who.clone();
    let write = move |tx: &mut Tx<'_>| {
        tx.once(posted.replay.as_ref(), 204, |tx| {
            moves::withdraw(tx, &actor, &case, &consent)?;
            Ok(consent.clone())
        })
    };
    app.store.write(who.by(), write).await?;
    Ok(Done::done())
}

async fn list_tickets(
    who: Permit<ReadTickets>,
    app: Data<App>,
    areas: Data<Areas>,
    Filtered(query): Filtered<QueueQuery>,
) -> Result<Answer<Items<RowView>>> {
    let (actor, asked, now) = (who.clone(), query.clone(), app.clock.now());
    let after = query.page.after(&app.vault)?;
    let config = app.config.clone();
    let read = move |db: &mut Db| {
        let asked = asked.settled(db, &actor, &config, now)?;
        queue::list(db, &actor, &asked, after.as_ref(), &areas, now)
    };
    let (rows, numbers) = app.store.read(read).await?;
    let page = queue::page(rows, &numbers, &query, &app.vault)?;
    Ok(page.answer("/api/v1/tickets", &query.page, &query.kept()))
}

async fn show_ticket(who: Permit<ReadTickets>, app: Data<App>, id: TicketId) -> Result<Answer<TicketSeen>> {
    let (actor, reference, now) = (who.clone(), id.0.clone(), app.clock.now());
    let languages = app.config.place.languages.clone();
    let plain = app.store.read(move |db| views::seen(db, &actor, &reference, &languages, now)).await?;
    match plain {
        Some(ticket) => Ok(ticket_answer(ticket)),
        // What the holder sees is opened under a row in the trail, so it is a write.
        None => done_to_ticket(&app, &who, None, move |tx, actor| views::ticket_key(tx, actor, &id.0)).await,
    }
}

async fn claim_ticket(
    who: Permit<WorkTickets>,
    app: Data<App>,
    id: TicketId,
    posted: Posted<Nothing>,
) -> Result<Answer<TicketSeen>> {
    done_to_ticket(&app, &who, posted.replay, move |tx, actor| claim::claim(tx, actor, &id.0)).await
}

async fn release_ticket(
    who: Permit<WorkTickets>,
    app: Data<App>,
    id: TicketId,
    posted: Posted<Nothing>,
) -> Result<Answer<TicketSeen>> {
    done_to_ticket(&app, &who, posted.replay, move |tx, actor| claim::release(tx, actor, &id.0)).await
}

async fn assign_ticket(
    who: Permit<AssignTickets>,
    app: Data<App>,
    id: TicketId,
    posted: Posted<AssignForm>,
) -> Result<Answer<TicketSeen>> {
    done_to_ticket(&app, &who, posted.replay, move |tx, actor| claim::assign(tx, actor, &id.0, &posted.form)).await
}

async fn note_ticket(
    who: Permit<WorkTickets>,
    app: Data<App>,
    id: TicketId,
    posted: Posted<NoteForm>,
) -> Result<Answer<TicketSeen>> {
    done_to_ticket(&app, &who, posted.replay, move |tx, actor| claim::note(tx, actor, &id.0, &posted.form)).await
}

async fn close_ticket(
    who: Permit<WorkTickets>,
    app: Data<App>,
    id: TicketId,
    posted: Posted<CloseForm>,
) -> Result<Answer<TicketSeen>> {
    done_to_ticket(&app, &who, posted.replay, move |tx, actor| claim::close(tx, actor, &id.0, &posted.form)).await
}

async fn notices(
    who: Permit<ReadTickets>,
    app: Data<App>,
    Filtered(page): Filtered<Page>,
) -> Result<Answer<Items<NoticeView>>> {
    let (actor, limit, before) = (who.clone(), page.limit, page.after(&app.vault)?.map(|(place, _)| place.0));
    let rows = app.store.read(move |db| notices::list(db, &actor, before, limit)).await?;
    // A cursor is a place in an order: here that of the steps.
    let key = |row: &Notice| (Instant(row.position), String::new());
    Ok(Paged::of(rows, &page, &app.vault, key, NoticeView::from)?.answer("/api/v1/me/notices", &page, &[]))
}

async fn show_referral(
    who: Permit<ReadReferrals>,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
) -> Result<Answer<ReferralSeen>> {
    let actor = who.clone();
    let seen = app.store.write(who.by(), move |tx| views::referral_seen(tx, &areas, &actor, &id.0)).await?;
    Ok(referral_answer(seen))
}

async fn acknowledge(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Nothing>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Acknowledge).await
}

async fn accept(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Nothing>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Accept).await
}

async fn decline(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Because<DeclineReason>>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Decline(posted.form.0)).await
}

async fn told(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Nothing>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Told).await
}

async fn start(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Nothing>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Start).await
}

async fn complete(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Completion>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Complete { confirmed: posted.form.0 }).await
}

async fn fail(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Because<FailReason>>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Fail(posted.form.0)).await
}

async fn hand_back(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Because<DeclineReason>>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::HandBack(posted.form.0)).await
}

async fn cancel(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Because<CancelReason>>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Cancel(posted.form.0)).await
}

async fn reroute(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Reroute>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Reroute(Box::new(posted.form))).await
}

async fn reopen(
    who: Mover,
    app: Data<App>,
    areas: Data<Areas>,
    id: ReferralId,
    posted: Posted<Nothing>,
) -> Result<Answer<ReferralSeen>> {
    moved(&app, &areas, &who, id, posted.replay, Order::Reopen).await
}

/// Runs a verb on a ticket once per key, and answers with as much of the ticket as the asker may
/// see afterwards.
async fn done_to_ticket(
    app: &App,
    actor: &Actor,
    replay: Option<Replay>,
    verb: impl Fn(&mut Tx<'_>, &Actor) -> Result<String> + Send + 'static,
) -> Result<Answer<TicketSeen>> {
    let who = actor.clone();
    let done = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 200, |tx| verb(tx, &who))?;
        views::opened(tx, &who, &id)
    };
    app.store.write(actor.by(), done).await.map(ticket_answer)
}

/// Makes a move once per key, and answers with the referral as the asker may see it.
async fn moved(
    app: &App,
    areas: &Data<Areas>,
    actor: &Actor,
    id: ReferralId,
    replay: Option<Replay>,
    order: Order,
) -> Result<Answer<ReferralSeen>> {
    let (who, areas) = (actor.clone(), areas.clone());
    let done = move |tx: &mut Tx<'_>| {
        let id = tx.once(replay.as_ref(), 200, |tx| moves::make(tx, &who, &id.0, &order))?;
        views::referral_after(tx, &areas, &who, &id)
    };
    app.store.write(actor.by(), done).await.map(referral_answer)
}

fn ticket_answer(ticket: TicketSeen) -> Answer<TicketSeen> {
    let answer = Answer::json(&ticket);
    match ticket.version() {
        Some(version) => answer.version(version),
        None => answer,
    }
}

fn referral_answer(referral: ReferralSeen) -> Answer<ReferralSeen> {
    let answer = Answer::json(&referral);
    match &referral {
        ReferralSeen::Whole(view) => answer.version(view.version),
        _ => answer,
    }
}

/// `{"reason": code}`.
struct Because<R>(R);

impl<R: FromJson> FromJson for Because<R> {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| f.required("reason").map(Because))
    }
}

/// `{"confirmed_by_survivor": true}`, or nothing where nobody asked her.
struct Completion(Option<bool>);

impl FromJson for Completion {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| Some(Completion(f.optional("confirmed_by_survivor"))))
    }
}

impl FromJson for Reroute {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let service = f.with("service", |json, at| input::text(json, at, 32)).map(Named);
            let consent = f.optional("consent");
            if consent.is_some() && service.is_none() {
                f.problem("service", "required");
            }
            Some(Reroute { service, consent })
        })
    }
}
