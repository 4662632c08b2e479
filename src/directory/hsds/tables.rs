//! The same directory as the CSV tables of an HSDS package: one file for each kind of thing, joined
//! by ids. A table is made of the JSON, and JSON of tables, so there is one reader for both.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use super::Document;
use super::read::Incoming;
use crate::error::{Error, Problem, Result};
use crate::input::{Json, read};
use crate::storage::codes;

codes! {
    /// A table that is written and read.
    pub enum Table {
        Organizations = "organizations",
        Services = "services",
        ServiceAtLocation = "service_at_location",
        Locations = "locations",
        Schedules = "schedules",
        ServiceAreas = "service_areas",
        Languages = "languages",
        Attributes = "attributes",
        TaxonomyTerms = "taxonomy_terms",
    }
}

/// Tables of HSDS that have no place here.
const OTHERS: [&str; 15] = [
    "accessibility",
    "addresses",
    "contacts",
    "cost_options",
    "funding",
    "meta_table_descriptions",
    "metadata",
    "organization_identifiers",
    "phones",
    "programs",
    "required_documents",
    "service_capacity",
    "taxonomies",
    "units",
    "urls",
];

/// Cells that HSDS wants to be numbers.
const NUMBERS: [&str; 3] = ["minimum_age", "maximum_age", "interval"];
/// Cells of one package.
const MOST_ROWS: usize = 200_000;

impl Table {
    /// The name of its file.
    pub fn file(self) -> String {
        format!("{}.csv", self.code())
    }

    /// The columns it is written with, as HSDS calls them.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Organizations => &["id", "name", "description"],
            Table::Services => &[
                "id",
                "organization_id",
                "name",
                "description",
                "status",
                "minimum_age",
                "maximum_age",
                "assured_date",
                "last_modified",
            ],
            Table::ServiceAtLocation => &["id", "service_id", "location_id"],
            Table::Locations => &["id", "location_type", "name", "external_identifier", "external_identifier_type"],
            Table::Schedules => {
                &["id", "service_id", "valid_from", "valid_to", "freq", "byday", "description", "opens_at", "closes_at"]
            }
            Table::ServiceAreas => &["id", "service_id", "name", "extent", "extent_type"],
            Table::Languages => &["id", "service_id", "code"],
            Table::Attributes => &["id", "link_id", "taxonomy_term_id", "link_entity", "value"],
            Table::TaxonomyTerms => &["id", "code", "name", "description", "taxonomy"],
        }
    }

    /// Which table a member of the JSON becomes.
    fn of_member(member: &str) -> Option<Table> {
        match member {
            "service_at_locations" => Some(Table::ServiceAtLocation),
            "location" => Some(Table::Locations),
            "taxonomy_term" => Some(Table::TaxonomyTerms),
            name => Table::from_code(name),
        }
    }
}

/// Begins what a spreadsheet would compute, in Latin and in full width.
fn computes(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// A cell that no spreadsheet takes for a formula.
fn guarded(text: &str) -> String {
    if computes(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text of a cell that [`guarded`] wrote.
fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| computes(rest)).unwrap_or(text)
}

/// The rows of every table.
#[derive(Debug, Default)]
pub struct Tables(BTreeMap<Table, Vec<Map<String, Value>>>);

impl Tables {
    /// A directory taken apart. Errors: none that a caller could mend.
    pub fn of(document: &Document) -> Result<Tables> {
        let whole =
            serde_json::to_value(document).map_err(|_| Error::Internal("a directory that cannot be written"))?;
        let mut tables = Tables::default();
        if let Value::Object(members) = whole {
            tables.take_apart(members);
        }
        let terms = tables.0.entry(Table::TaxonomyTerms).or_default();
        let mut seen = BTreeSet::new();
        terms.retain(|term| seen.insert(term.get("id").map(Value::to_string)));
        Ok(tables)
    }

    fn take_apart(&mut self, members: Map<String, Value>) -> Map<String, Value> {
        let mut row = Map::new();
        for (name, value) in members {
            let below = match value {
                Value::Array(items) => items,
                Value::Object(_) => vec![value],
                value => {
                    row.insert(name, value);
                    continue;
                }
            };
            let Some(table) = Table::of_member(&name) else { continue };
            for item in below {
                if let Value::Object(item) = item {
                    let own = self.take_apart(item);
                    self.0.entry(table).or_default().push(own);
                }
            }
        }
        row
    }

    /// One table as CSV with a line of names, which is there even where nothing else is.
    pub fn csv(&self, table: Table) -> Result<String> {
        let broken = |_| Error::Internal("a table that cannot be written");
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(table.columns()).map_err(broken)?;
        for row in self.0.get(&table).into_iter().flatten() {
            let cell = |name: &&str| match row.get(*name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => guarded(text),
                Some(value) => value.to_string(),
            };
            writer.write_record(table.columns().iter().map(cell)).map_err(broken)?;
        }
        let bytes = writer.into_inner().map_err(|_| Error::Internal("a table that cannot be written"))?;
        String::from_utf8(bytes).map_err(|_| Error::Internal("a table that cannot be written"))
    }
}

/// A line of a file.
#[derive(Debug, Clone)]
struct Origin {
    file: String,
    line: u64,
}

/// A package that was read, and where each of its rows stood.
#[derive(Debug)]
pub struct Package {
    /// What it says.
    pub incoming: Incoming,
    origins: HashMap<String, Origin>,
}

/// One row, as JSON, and where it stood.
struct Row {
    members: Vec<(String, Json)>,
    origin: Origin,
}

impl Row {
    fn text(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(known, _)| known == name).and_then(|(_, value)| match value {
            Json::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

impl Package {
    /// Reads files by their names. Errors: every fault with its file and line, and none of the
    /// file's own words but the name of the column.
    pub fn parse(files: &[(String, String)]) -> Result<Package, Vec<String>> {
        let (mut rows, mut others, mut faults) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (file, text) in files {
            let stem = file.strip_suffix(".csv").unwrap_or(file);
            let read = rows_of(file, text);
            match (Table::from_code(stem), OTHERS.iter().find(|other| **other == stem), read) {
                (_, _, Err(fault)) => faults.push(fault),
                (Some(table), _, Ok(read)) => {
                    rows.insert(table, read);
                }
                (None, Some(other), Ok(read)) => others.push((*other, read.len())),
                (None, None, Ok(_)) => faults.push(format!("{file}: is no table of HSDS")),
            }
        }
        for table in [Table::Organizations, Table::Services].iter().filter(|table| !rows.contains_key(*table)) {
            faults.push(format!("{}: is not there", table.file()));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut joined = Joined::of(rows);
        let whole = joined.whole();
        faults.extend(joined.orphans());
        others.extend(joined.left_out());
        match read::<Incoming>(&whole) {
            Ok(mut incoming) if faults.is_empty() => {
                incoming.tables = others.into_iter().filter(|(_, rows)| *rows > 0).collect();
                Ok(Package { incoming, origins: joined.origins })
            }
            Ok(_) => Err(faults),
            Err(error) => {
                faults.extend(told(&joined.origins, error));
                Err(faults)
            }
        }
    }

    /// Faults found later, with the lines they are about.
    pub fn told(&self, error: Error) -> Vec<String> {
        told(&self.origins, error)
    }
}

/// Problems as lines for whoever keeps the files.
fn told(origins: &HashMap<String, Origin>, error: Error) -> Vec<String> {
    let Error::Invalid(problems) = error else { return vec![error.to_string()] };
    let line = |problem: &Problem| {
        let pointer = problem.pointer.as_str();
        let allowed =
            problem.allowed.as_ref().map(|list| format!(" (one of: {})", list.join(", "))).unwrap_or_default();
        // The place itself, or the nearest thing around it that is a row.
        let around = std::iter::successors(Some(pointer), |inner| inner.rsplit_once('/').map(|(outer, _)| outer));
        match around.into_iter().find_map(|place| Some((place, origins.get(place)?))) {
            None => format!("{pointer}: {}{allowed}", problem.code),
            Some((place, origin)) => {
                let column = pointer.get(place.len()..).unwrap_or_default().replace('/', " ");
                format!("{} line {}:{column} {}{allowed}", origin.file, origin.line, problem.code)
            }
        }
    };
    problems.iter().map(line).collect()
}

fn rows_of(file: &str, text: &str) -> Result<Vec<Row>, String> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{FEFF}').as_bytes());
    let broken = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        format!("{file} line {line}: has not as many cells as there are columns, or is not CSV")
    };
    let names: Vec<String> = reader.headers().map_err(|error| broken(&error))?.iter().map(str::to_owned).collect();
    if names.iter().enumerate().any(|(place, name)| names.iter().take(place).any(|seen| seen == name)) {
        return Err(format!("{file} line 1: names a column twice"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| broken(&error))?;
        if rows.len() >= MOST_ROWS {
            return Err(format!("{file}: has more than {MOST_ROWS} rows"));
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cells = names.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        let members = cells.map(|(name, cell)| (name.clone(), value(name, unguarded(cell)))).collect();
        rows.push(Row { members, origin: Origin { file: file.to_owned(), line } });
    }
    Ok(rows)
}

fn value(name: &str, cell: &str) -> Json {
    let number = NUMBERS.contains(&name).then(|| cell.parse::<i64>().ok()).flatten();
    number.map_or_else(|| Json::Text(cell.to_owned()), |number| Json::Number(number.into()))
}

/// What belongs to a service or an organisation: its member there, its table, and the column that
/// names what it belongs to.
const BELOW: [(&str, Table, &str); 5] = [
    ("schedules", Table::Schedules, "service_id"),
    ("service_areas", Table::ServiceAreas, "service_id"),
    ("service_at_locations", Table::ServiceAtLocation, "service_id"),
    ("languages", Table::Languages, "service_id"),
    ("attributes", Table::Attributes, "link_id"),
];

/// What a row names by its id: its member there, its table, the column.
fn named_by(table: Table) -> Option<(&'static str, Table, &'static str)> {
    match table {
        Table::ServiceAtLocation => Some(("location", Table::Locations, "location_id")),
        Table::Attributes => Some(("taxonomy_term", Table::TaxonomyTerms, "taxonomy_term_id")),
        _ => None,
    }
}

/// Rows on their way back into JSON.
#[derive(Default)]
struct Joined {
    tops: BTreeMap<Table, Vec<Row>>,
    /// Rows that belong to something, by table and what they belong to.
    below: HashMap<(Table, String), Vec<Row>>,
    /// Rows that others name, by table and id.
    named: HashMap<(Table, String), Row>,
    used: HashSet<(Table, String)>,
    origins: HashMap<String, Origin>,
    /// Rows that belong to something that is not kept.
    left_out: BTreeMap<Table, usize>,
}

impl Joined {
    fn of(rows: BTreeMap<Table, Vec<Row>>) -> Joined {
        let mut joined = Joined::default();
        for (table, rows) in rows {
            let link = BELOW.iter().find(|(_, below, _)| *below == table).map(|(_, _, link)| *link);
            match (table, link) {
                (Table::Organizations | Table::Services, _) => drop(joined.tops.insert(table, rows)),
                (_, None) => {
                    let id = |row: &Row| (table, row.text("id").unwrap_or_default().to_owned());
                    joined.named.extend(rows.into_iter().map(|row| (id(&row), row)));
                }
                (_, Some(link)) => rows.into_iter().for_each(|row| joined.put_below(table, link, row)),
            }
        }
        joined
    }

    /// HSDS lets hours, languages and attributes belong to other things, too.
    fn put_below(&mut self, table: Table, link: &str, row: Row) {
        let elsewhere = row.text("link_entity").is_some_and(|of| of != "service" && of != "organization");
        match row.text(link).map(str::to_owned).filter(|_| !elsewhere) {
            None => *self.left_out.entry(table).or_default() += 1,
            Some(of) => self.below.entry((table, of)).or_default().push(row),
        }
    }

    fn whole(&mut self) -> Json {
        let tops = [Table::Organizations, Table::Services];
        Json::Object(tops.map(|table| (table.code().to_owned(), Json::List(self.top(table)))).into())
    }

    fn top(&mut self, table: Table) -> Vec<Json> {
        let mut list = Vec::new();
        for (place, row) in self.tops.remove(&table).unwrap_or_default().into_iter().enumerate() {
            let here = format!("/{table}/{place}");
            let id = row.text("id").unwrap_or_default().to_owned();
            let mut members = row.members;
            for (name, from, _) in BELOW {
                let items = self.linked(from, &id, &format!("{here}/{name}"));
                if !items.is_empty() {
                    members.push((name.to_owned(), Json::List(items)));
                }
            }
            self.origins.insert(here, row.origin);
            list.push(Json::Object(members));
        }
        list
    }

    /// Takes what belongs to a thing.
    fn linked(&mut self, table: Table, id: &str, place: &str) -> Vec<Json> {
        let mut list = Vec::new();
        for (index, row) in self.below.remove(&(table, id.to_owned())).unwrap_or_default().into_iter().enumerate() {
            let here = format!("{place}/{index}");
            let named = named_by(table).and_then(|(name, from, by)| {
                let key = (from, row.text(by)?.to_owned());
                let found = self.named.get(&key)?;
                self.origins.insert(format!("{here}/{name}"), found.origin.clone());
                self.used.insert(key);
                Some((name.to_owned(), Json::Object(found.members.clone())))
            });
            let mut members = row.members;
            members.extend(named);
            self.origins.insert(here, row.origin);
            list.push(Json::Object(members));
        }
        list
    }

    /// Rows that name a thing which is not there: without it they would be lost unsaid.
    fn orphans(&self) -> Vec<String> {
        let mut origins: Vec<&Origin> = self.below.values().flatten().map(|row| &row.origin).collect();
        origins.sort_by_key(|origin| (&origin.file, origin.line));
        origins.iter().map(|origin| format!("{} line {}: belongs to nothing", origin.file, origin.line)).collect()
    }

    /// Tables with rows that are not kept, and how many.
    fn left_out(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let places = self.named.keys().filter(|key| key.0 == Table::Locations && !self.used.contains(*key)).count();
        let rows = self.left_out.iter().map(|(table, rows)| (table.code(), *rows));
        rows.chain([(Table::Locations.code(), places)]).filter(|(_, rows)| *rows > 0).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cell_that_would_be_computed_becomes_text_and_comes_back() {
        for formula in ["=1+1", "+99365000001", "-1", "@SUM(A1)", "\t=1", "＝1", "'=1", "''=1"] {
            assert_eq!(guarded(formula), format!("'{formula}"));
            assert_eq!(unguarded(&guarded(formula)), formula);
        }
        for text in ["", "'t Huis", "Öý", "''", "1-2", "house"] {
            assert_eq!((guarded(text).as_str(), unguarded(text)), (text, text));
        }
    }

    proptest! {
        #[test]
        fn every_cell_comes_back_as_it_was(text in "['=+@a\\-\t\r\n\"; ,ý]{0,8}") {
            let cell = guarded(&text);
            prop_assert_eq!(unguarded(&cell), &text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
        }
    }
}
