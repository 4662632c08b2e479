//! Complaints: who may write one, who may read it, and who is told at once.

use diesel::prelude::*;

use crate::access::{Actor, Reference, Role};
use crate::cases;
use crate::clock::Instant;
use crate::directory;
use crate::error::{Error, Result};
use crate::identity;
use crate::input::{At, Fields, FromJson, Json};
use crate::referrals::model as referrals_of;
use crate::storage::schema::{cases as case_rows, complaints, referrals, reviews, services};
use crate::storage::{Db, Tx, codes, read_reference};
use crate::tasks::{self, NewReview, State};
use crate::vault::{DataKey, Padding, Place, VaultError, open as unseal, seal};

/// The letter of references of complaints.
const LETTER: char = 'Q';
/// The letter of references of staff.
const STAFF: char = 'W';
/// The longest complaint, in characters.
const LONGEST: usize = 4000;
/// How a body names the hotline itself.
const HOTLINE: &str = "hotline";

codes! {
    /// What is complained of.
    pub enum Kind {
        /// How somebody behaved.
        Conduct = "conduct",
        /// Help was refused.
        RefusedHelp = "refused_help",
        /// Something was told that she did not agree to.
        BreachOfConfidence = "breach_of_confidence",
        /// It took too long.
        Delay = "delay",
        /// Money, or something else, was asked for.
        DemandedPayment = "demanded_payment",
        /// Somebody who was to help abused her.
        SexualExploitationOrAbuse = "sexual_exploitation_or_abuse",
        /// Something else.
        Other = "other",
    }
}

impl Kind {
    /// True for what cannot wait for a look at the list.
    fn is_urgent(self) -> bool {
        matches!(self, Kind::BreachOfConfidence | Kind::SexualExploitationOrAbuse)
    }
}

codes! {
    /// Whom it is about.
    pub enum Party {
        /// A service.
        Service = "service",
        /// A member of staff.
        Staff = "staff",
        /// The hotline itself.
        Hotline = "hotline",
    }
}

/// What is complained of, and in which words.
#[derive(Debug, Clone)]
pub struct Grievance {
    kind: Kind,
    text: String,
}

impl FromJson for Grievance {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (kind, text) = (f.required("kind"), f.required_text("text", LONGEST));
            Some(Grievance { kind: kind?, text: text? })
        })
    }
}

/// The body of `POST /complaints`.
#[derive(Debug, Clone)]
pub struct NewComplaint {
    about: String,
    grievance: Grievance,
    referral: Option<String>,
    case: Option<String>,
}

impl FromJson for NewComplaint {
    fn from_json(json: &Json, at: &At<'_>) -> Option<Self> {
        Fields::of(json, at, |f| {
            let (about, kind) = (f.required_text("about", 64), f.required("kind"));
            let text = f.required_text("text", LONGEST);
            let referral = f.optional::<Reference<'F'>>("referral").map(|named| named.0);
            let case = f.optional::<Reference<'K'>>("case").map(|named| named.0);
            if referral.is_some() && case.is_some() {
                f.problem("case", "name_one");
            }
            Some(NewComplaint { about: about?, grievance: Grievance { kind: kind?, text: text? }, referral, case })
        })
    }
}

/// What a complaint is about, by key.
pub struct About {
    /// Which of them.
    pub kind: Party,
    /// Of the service or the member of staff.
    pub id: Option<String>,
    /// Her case, if it concerns one.
    pub case_id: Option<String>,
    /// The referral, if it concerns one.
    pub referral_id: Option<String>,
}

/// A complaint as it is stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = complaints, treat_none_as_default_value = false)]
pub struct Complaint {
    /// Key; never shown.
    pub id: String,
    /// `Q-…`
    pub reference: String,
    /// What is complained of.
    pub kind: Kind,
    /// Whom it is about.
    pub about: Party,
    /// The key of the service or the member of staff.
    pub about_id: Option<String>,
    case_id: Option<String>,
    referral_id: Option<String>,
    /// The key of who wrote it.
    pub made_by: String,
    /// When.
    pub at: Instant,
    key_id: String,
    document: Vec<u8>,
}

/// A complaint, the review of it, and what it is about by reference.
#[derive(Queryable)]
pub struct Named {
    /// The complaint.
    pub complaint: Complaint,
    /// `V-…`
    pub review: String,
    /// Where that stands.
    pub state: State,
    /// `S-…`
    pub service: Option<String>,
    /// `K-…`
    pub case: Option<String>,
    /// `F-…`
    pub referral: Option<String>,
}

/// Each complaint with its review, and the references of what it is about.
macro_rules! all {
    () => {
        complaints::table
            .inner_join(reviews::table.on(reviews::subject_id.eq(complaints::id)))
            .left_join(services::table.on(complaints::about_id.eq(services::id.nullable())))
            .left_join(case_rows::table.on(complaints::case_id.eq(case_rows::id.nullable())))
            .left_join(referrals::table.on(complaints::referral_id.eq(referrals::id.nullable())))
            .select((
                Complaint::as_select(),
                reviews::reference,
                reviews::state,
                services::reference.nullable(),
                case_rows::reference.nullable(),
                referrals::reference.nullable(),
            ))
    };
}

/// Writes a complaint down; gives its key. Errors: 422 for a service, somebody, a referral or a case
/// that is missing or not theirs to know of, alike.
pub fn make(tx: &mut Tx<'_>, actor: &Actor, new: &NewComplaint) -> Result<String> {
    let (kind, id) = party(tx.db, &new.about)?;
    let (case_id, referral_id) = concerned(tx, actor, new)?;
    write(tx, actor, &About { kind, id, case_id, referral_id }, &new.grievance)
}

/// Keeps a complaint, sealed, and opens its review. What cannot wait pages the coordinators, in a
/// letter that names the review and nothing else.
pub fn write(tx: &mut Tx<'_>, actor: &Actor, about: &About, grievance: &Grievance) -> Result<String> {
    let case = about.case_id.as_deref().map(|id| cases::model::by_id(tx.db, id)).transpose()?;
    let key = match &case {
        Some(case) => tx.setting.vault.data_key(&case.key_id)?,
        None => tx.setting.vault.new_data_key()?,
    };
    let id = tx.new_id()?;
    let row = Complaint {
        reference: tx.new_reference(LETTER)?,
        kind: grievance.kind,
        about: about.kind,
        about_id: about.id.clone(),
        case_id: about.case_id.clone(),
        referral_id: about.referral_id.clone(),
        made_by: actor.id.clone(),
        at: tx.now,
        key_id: key.id().to_owned(),
        document: seal(&key, &place(&id), grievance.text.as_bytes(), Padding::SizeClass)?,
        id,
    };
    diesel::insert_into(complaints::table).values(&row).execute(tx.db)?;
    tx.step(("complaint", &row.id), "made", None)?;
    tx.trail("complaints.make", ("complaint", &row.reference), None)?;
    let level = case.as_ref().and_then(|case| case.level.as_deref()).unwrap_or("not_assessed");
    let opened_by = Some(actor.id.as_str());
    let new = NewReview { kind: tasks::Kind::Complaint, subject_id: &row.id, level, proposed: level, opened_by };
    let review = tasks::open(tx, &new)?;
    if row.kind.is_urgent() {
        tasks::page(tx, about.case_id.as_deref(), ("review", &review.id), (&review.reference, 1))?;
    }
    Ok(row.id)
}

fn place(row: &str) -> Place<'_> {
    Place { table: "complaints", column: "document", row }
}

/// Whom a body names: `hotline`, a service by reference, somebody by staff number or reference.
fn party(db: &mut Db, named: &str) -> Result<(Party, Option<String>)> {
    if named == HOTLINE {
        return Ok((Party::Hotline, None));
    }
    let found = match read_reference(directory::SERVICE, named) {
        Some(reference) => directory::find_service(db, &reference).map(|service| (Party::Service, Some(service.id))),
        None => staff(db, named).map(|id| (Party::Staff, Some(id))),
    };
    found.map_err(|error| not_found(error, "/about"))
}

fn staff(db: &mut Db, named: &str) -> Result<String> {
    let found = match read_reference(STAFF, named) {
        Some(reference) => Some(identity::find(db, &reference)?),
        None => identity::find_named(db, named)?,
    };
    found.map(|staff| staff.id).ok_or(Error::NotFound)
}

/// The case and the referral it concerns: of those that whoever complains works with.
fn concerned(tx: &mut Tx<'_>, actor: &Actor, new: &NewComplaint) -> Result<(Option<String>, Option<String>)> {
    let works = matches!(actor.role, Role::Operator | Role::Counselor | Role::Coordinator);
    if let Some(reference) = &new.referral {
        let found = if works { referrals_of::referral_for(tx.db, actor, reference) } else { Err(Error::NotFound) };
        let (referral, ticket) = found.map_err(|error| not_found(error, "/referral"))?;
        return Ok((Some(ticket.case_id), Some(referral.id)));
    }
    let Some(reference) = &new.case else { return Ok((None, None)) };
    let found = match actor.role {
        Role::Coordinator => cases::model::unblocked(tx.db, &actor.id, reference),
        _ => cases::find_in(tx, actor, reference),
    };
    found.map(|case| (Some(case.id), None)).map_err(|error| not_found(error, "/case"))
}

/// What a body names and is not there, or not theirs to know of, at the place where it is named.
pub(super) fn not_found(error: Error, pointer: &str) -> Error {
    if matches!(error, Error::NotFound) { Error::invalid(pointer, "not_found") } else { error }
}

/// The reference of the complaint with this key, and when it was made.
pub fn receipt(db: &mut Db, id: &str) -> Result<(String, Instant)> {
    Ok(complaints::table.find(id).select((complaints::reference, complaints::at)).first(db)?)
}

/// A complaint with its words, for somebody; a row in the trail says so. No words once what they were
/// sealed under is erased. Errors: 404 for missing and not theirs to know of, alike.
pub fn read(tx: &mut Tx<'_>, actor: &Actor, reference: &str) -> Result<(Named, Option<String>)> {
    let hidden = tasks::hidden_complaints(tx.db, &actor.id)?;
    let named: Named = all!()
        .filter(complaints::reference.eq(reference.to_owned()))
        .filter(complaints::id.ne_all(hidden))
        .first(tx.db)?;
    tx.trail("complaints.read", ("complaint", reference), None)?;
    let text = match tx.setting.vault.data_key(&named.complaint.key_id) {
        Err(VaultError::Erased) => None,
        key => Some(words(&key?, &named.complaint)?),
    };
    Ok((named, text))
}

fn words(key: &DataKey, complaint: &Complaint) -> Result<String> {
    let plain = unseal(key, &place(&complaint.id), &complaint.document)?;
    Ok(String::from_utf8_lossy(plain.reveal()).into_owned())
}

/// Complaints somebody may know of, newest first, about one service or about anything; `after` is the
/// last row's `(at, id)`. Errors: 422 for a service that is not there.
pub fn list(
    db: &mut Db,
    actor: &Actor,
    service: Option<&str>,
    after: Option<&(Instant, String)>,
    limit: i64,
) -> Result<Vec<Named>> {
    let hidden = tasks::hidden_complaints(db, &actor.id)?;
    let mut query = all!().filter(complaints::id.ne_all(hidden)).into_boxed();
    if let Some(reference) = service {
        let service = directory::find_service(db, reference).map_err(|error| not_found(error, "?service"))?;
        query = query.filter(complaints::about_id.eq(service.id));
    }
    if let Some((at, id)) = after {
        let earlier = complaints::at.lt(*at).or(complaints::id.lt(id.clone()));
        query = query.filter(complaints::at.le(*at)).filter(earlier);
    }
    Ok(query.order((complaints::at.desc(), complaints::id.desc())).limit(limit).load(db)?)
}

/// The reference of the complaint that a review is about.
pub fn reference_of(db: &mut Db, id: &str) -> Result<String> {
    receipt(db, id).map(|(reference, _)| reference)
}
