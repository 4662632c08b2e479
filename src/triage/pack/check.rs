//! Checks over a whole rule set: rules that can never hold, constraints that
//! cannot be kept, items that cannot be scored.

use super::reach::possible;
use super::source::{Found, Placed, Tables};
use crate::triage::condition::Condition;
use crate::triage::fault::{Findings, Place};
use crate::triage::rules::{Constraint, Kind, Rule, RuleSet};

pub(crate) fn check(rules: &RuleSet, tables: &Tables, findings: &mut Findings) {
    check_rules(rules, tables, findings);
    check_constraints(rules, tables, findings);
    check_items(rules, tables, findings);
}

/// Where the condition of a rule or constraint is written.
fn place_of<T>(found: &[Found<T>], text: impl Fn(&T) -> (&Placed, &Placed), id: &str) -> Place {
    let (mut source, mut start) = (0, 0);
    for table in found {
        let (its_id, condition) = text(&table.item);
        if its_id.get_ref() == id {
            source = table.place.source;
            start = condition.span().start;
        }
    }
    Place { source, start }
}

fn check_rules(rules: &RuleSet, tables: &Tables, findings: &mut Findings) {
    for rule in &rules.rules {
        let place = || place_of(&tables.rules, |t| (&t.id, &t.when), &rule.id);
        if !possible(&[(&rule.condition, true)], &rules.ranges) {
            findings.suggest(
                &place(),
                format!("`{}` can never hold: its condition contradicts itself", rule.id),
                Some("check the `and`s and the ranges of its indicators".to_owned()),
            );
        } else if let Some(constraint) = shut_out_by(rule, rules) {
            findings.suggest(
                &place(),
                format!("`{}` can only hold when `{}` is broken", rule.id, constraint.id),
                Some("change the rule or the constraint".to_owned()),
            );
        }
        if always(&rule.condition, rules) {
            findings.add(&place(), format!("`{}` holds whatever is answered", rule.id));
        }
    }
}

fn always(condition: &Condition, rules: &RuleSet) -> bool {
    !possible(&[(condition, false)], &rules.ranges)
}

fn shut_out_by<'a>(rule: &Rule, rules: &'a RuleSet) -> Option<&'a Constraint> {
    rules.constraints.iter().find(|constraint| {
        let related = constraint.mentions.iter().any(|i| rule.mentions.contains(i));
        let together = [(&rule.condition, true), (&constraint.never, false)];
        related && !possible(&together, &rules.ranges)
    })
}

fn check_constraints(rules: &RuleSet, tables: &Tables, findings: &mut Findings) {
    let place = |c: &Constraint| place_of(&tables.constraints, |t| (&t.id, &t.never), &c.id);
    let mut earlier: Vec<&Constraint> = Vec::new();
    for constraint in &rules.constraints {
        if !possible(&[(&constraint.never, true)], &rules.ranges) {
            findings.add(&place(constraint), format!("`{}` can never be broken: it contradicts itself", constraint.id));
        } else if always(&constraint.never, rules) {
            findings.add(&place(constraint), format!("`{}` can never be kept: every answer breaks it", constraint.id));
        } else if let Some(other) = clashing(constraint, &earlier, rules) {
            findings.suggest(
                &place(constraint),
                format!("`{}` and `{}` cannot both be kept", constraint.id, other.id),
                Some("every answer breaks one of them; change either".to_owned()),
            );
        }
        earlier.push(constraint);
    }
}

fn clashing<'a>(constraint: &Constraint, earlier: &[&'a Constraint], rules: &RuleSet) -> Option<&'a Constraint> {
    earlier.iter().copied().find(|other| {
        let both = [(&constraint.never, false), (&other.never, false)];
        !possible(&both, &rules.ranges)
    })
}

fn check_items(rules: &RuleSet, tables: &Tables, findings: &mut Findings) {
    for found in &tables.instruments {
        for id in super::declare::item_ids(&found.item) {
            let kind = rules.indicator(id.get_ref()).map(|indicator| indicator.kind);
            if kind.is_some_and(|kind| kind != Kind::Bool) {
                findings.suggest(
                    &Place::new(found.place.source, &id.span()),
                    format!("the item `{}` is not yes or no", id.get_ref()),
                    Some("declare it with `kind = \"bool\"`".to_owned()),
                );
            }
        }
    }
}
