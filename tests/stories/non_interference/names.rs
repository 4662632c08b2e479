//! What references name, so that two houses can be compared.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;
use goldaw::storage::Db;

use crate::support::Hotline;

/// How long a reference is: `C-7K4M-9QX2-PDH`.
const LENGTH: usize = 15;

/// Each kind of thing: its table, what it belongs to, and what tells it from others that were made in
/// the same millisecond, which the first 13 characters of a key are.
const THINGS: [(&str, &str, &str, &str); 13] = [
    ("staff", "staff", "''", "name"),
    ("organisation", "organisations", "''", "names"),
    ("service", "services", "''", "names"),
    ("contact", "contacts", "coalesce(case_id, '')", "reference"),
    ("case", "cases", "id", "reference"),
    ("consent", "consents", "case_id", "coalesce((SELECT names FROM services WHERE services.id = service_id), '')"),
    ("ticket", "tickets", "case_id", "reference"),
    ("referral", "referrals", "(SELECT case_id FROM tickets WHERE tickets.id = ticket_id)", "need"),
    (
        "letter",
        "notifications",
        "coalesce(case_id, '')",
        "kind || address || revision || coalesce(substr(referral_id, 1, 13), '')
         || coalesce((SELECT substr(id, 1, 13) FROM referrals WHERE reference = substr(endpoint_id, 1, 15)),
            (SELECT substr(id, 1, 13) FROM tickets WHERE reference = substr(endpoint_id, 1, 15)),
            (SELECT substr(id, 1, 13) FROM reviews WHERE reference = substr(endpoint_id, 1, 15)), '')",
    ),
    (
        "task",
        "tasks",
        "coalesce(case_id, '')",
        "kind || coalesce(substr(case_id, 1, 13), '') || coalesce(substr(referral_id, 1, 13), '') \
         || coalesce(substr(notification_id, 1, 13), '')",
    ),
    (
        "review",
        "reviews",
        "coalesce((SELECT case_id FROM contacts WHERE contacts.id = subject_id), \
         (SELECT case_id FROM complaints WHERE complaints.id = subject_id), subject_id)",
        "kind || substr(subject_id, 1, 13)",
    ),
    ("handover", "handovers", "''", "reference"),
    ("complaint", "complaints", "coalesce(case_id, '')", "reference"),
];

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    reference: String,
    #[diesel(sql_type = Text)]
    case_id: String,
}

/// References by name, and names by reference, of everything but the hidden case.
pub struct Names {
    names: BTreeMap<String, String>,
    /// The references of each kind of thing, oldest first.
    pub things: BTreeMap<&'static str, Vec<String>>,
    /// Those of the hidden case, in the same kinds.
    pub hidden: BTreeMap<&'static str, Vec<String>>,
}

impl Names {
    /// Of a house; `hidden` are the references of the cases to leave out.
    pub fn of(hotline: &Hotline, hidden: &[String]) -> Names {
        let db = &mut hotline.stranger();
        let named: Vec<String> = hidden.iter().map(|one| format!("'{one}'")).collect();
        let quoted = if named.is_empty() { "''".to_owned() } else { named.join(", ") };
        let hidden: Vec<String> = rows(
            db,
            &format!(
                "SELECT id AS reference, id AS case_id FROM cases WHERE reference IN ({quoted})
                 OR merged_into IN (SELECT id FROM cases WHERE reference IN ({quoted}))"
            ),
        )
        .into_iter()
        .map(|row| row.case_id)
        .collect();
        let mut found = Names { names: BTreeMap::new(), things: BTreeMap::new(), hidden: BTreeMap::new() };
        for (kind, table, case, apart) in THINGS {
            let query = format!(
                "SELECT reference, {case} AS case_id FROM {table} ORDER BY substr(id, 1, 13), {apart}, reference"
            );
            for row in rows(db, &query) {
                if hidden.contains(&row.case_id) {
                    found.hidden.entry(kind).or_default().push(row.reference);
                    continue;
                }
                let all = found.things.entry(kind).or_default();
                found.names.insert(row.reference.clone(), format!("{kind} {}", all.len()));
                all.push(row.reference);
            }
        }
        // What a service is asked under is a name of its own.
        let hops = "SELECT partner_reference AS reference, case_id FROM referral_hops
            JOIN referrals ON referrals.id = referral_id JOIN tickets ON tickets.id = ticket_id
            ORDER BY substr(referral_id, 1, 13), referral_hops.position";
        let asked = rows(db, hops).into_iter().filter(|row| !hidden.contains(&row.case_id)).enumerate();
        found.names.extend(asked.map(|(place, row)| (row.reference, format!("asked {place}"))));
        let sessions = "SELECT sessions.id AS reference, name AS case_id FROM sessions
            JOIN staff ON staff.id = staff_id ORDER BY name, sessions.created_at";
        let mut many: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows(db, sessions) {
            let place = many.entry(row.case_id.clone()).or_default();
            found.names.insert(row.reference, format!("session {} {place}", row.case_id));
            *place += 1;
        }
        found
    }

    /// A text with each reference replaced by what it names. One without a name stays as it is.
    pub fn put_into(&self, text: &str) -> String {
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let found = rest.get(..LENGTH).filter(|one| is_reference(one)).and_then(|one| self.names.get(one));
            let taken = found.map_or(first.len_utf8(), |_| LENGTH);
            named.push_str(found.map_or(&rest[..taken], String::as_str));
            rest = &rest[taken..];
        }
        named
    }
}

fn is_reference(text: &str) -> bool {
    text.bytes().enumerate().all(|(place, byte)| match place {
        1 | 6 | 11 => byte == b'-',
        _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
    })
}

fn rows(db: &mut Db, query: &str) -> Vec<Row> {
    let query = diesel::sql_query(query.to_owned());
    match db {
        Db::Sqlite(connection) => query.load(connection).unwrap(),
        Db::Postgres(connection) => query.load(connection).unwrap(),
    }
}
