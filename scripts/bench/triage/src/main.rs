//! Timings of triage: the shipped packs, a pack of 2,000 rules, and 25 rules beside the same in two
//! other expression languages. Run by scripts/bench.sh; figures of one run belong together.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use cel::{Context, Program};
use divan::{Bencher, black_box};
use goldaw::clock::Clock;
use goldaw::rules;
use goldaw::triage::{Answer, Facts, Kind, PackSource, RuleSet, assess, open_questions};
use zen_expression::vm::VM;
use zen_expression::{Scope, Variable, compile_expression};

const LANGUAGES: [&str; 3] = ["tk", "ru", "en"];

static SHIPPED: LazyLock<RuleSet> = LazyLock::new(|| load(&rules::shipped()));
static LARGE: LazyLock<RuleSet> = LazyLock::new(|| load(&generated(2000, 500, 5)));

/// As many rules as a small service might write, over as many yes-or-no facts and five numbers.
const TOY: usize = 25;

fn main() {
    LazyLock::force(&SHIPPED);
    LazyLock::force(&LARGE);
    divan::main();
}

fn load(sources: &[PackSource]) -> RuleSet {
    RuleSet::load(sources, &LANGUAGES).unwrap_or_else(|faults| panic!("{}", faults[0]))
}

/// The condition of rule `i`, in the words of a language.
fn condition(i: usize, facts: usize, numbers: usize, and: &str, or: &str) -> String {
    format!("b{} {and} n{} > {} {or} b{}", i % facts, i % numbers, i % 97, (i * 7 + 3) % facts)
}

fn generated(count: usize, facts: usize, numbers: usize) -> Vec<PackSource> {
    let mut text = String::from("[pack]\nid = \"generated\"\nversion = \"1\"\nlead = true\n");
    let words = "{ tk = \"t\", ru = \"t\", en = \"t\" }";
    for i in 0..facts {
        writeln!(text, "[[indicator]]\nid = \"b{i}\"\nkind = \"bool\"\ntier = {}\nquestion = {words}", i % 14 + 1)
            .unwrap();
    }
    for i in 0..numbers {
        writeln!(text, "[[indicator]]\nid = \"n{i}\"\nkind = \"number\"\nsource = \"contact\"\nmax = 100").unwrap();
    }
    for i in 0..count {
        let level = ["critical", "high", "medium"][i % 3];
        writeln!(
            text,
            "[[rule]]\nid = \"r{i}\"\nwhen = \"{}\"\nlevel = \"{level}\"\nsay = {words}\nsource = \"generated\"",
            condition(i, facts, numbers, "and", "or")
        )
        .unwrap();
    }
    vec![PackSource { name: "generated.toml".into(), text }]
}

/// Every third fact a yes, the others no; numbers in the middle.
fn answered(rules: &RuleSet) -> Facts {
    let mut facts = Facts::new();
    for (position, indicator) in rules.indicators().enumerate() {
        let answer = match indicator.kind {
            Kind::Bool if position % 3 == 0 => Answer::Yes,
            Kind::Bool => Answer::No,
            Kind::Number => Answer::whole(30),
            _ => continue,
        };
        facts.set(rules, &indicator.id, answer).unwrap();
    }
    facts
}

/// What is said in the first minutes of a call.
fn ordinary() -> Facts {
    let mut facts = Facts::new();
    let said =
        [("can_talk", Answer::Yes), ("badly_hurt", Answer::No), ("strangled", Answer::Yes), ("age", Answer::whole(31))];
    for (id, answer) in said {
        facts.set(&SHIPPED, id, answer).unwrap();
    }
    facts
}

#[divan::bench]
fn load_and_check_the_shipped_packs(bencher: Bencher) {
    let sources = rules::shipped();
    bencher.bench(|| load(black_box(&sources)));
}

#[divan::bench(args = ["nothing said", "ordinary call", "everything answered"])]
fn assess_shipped(bencher: Bencher, case: &str) {
    let (facts, now) = (facts_of(case), Clock::machine().now().utc());
    bencher.bench(|| assess(&SHIPPED, black_box(&facts), now));
}

#[divan::bench(args = ["nothing said", "ordinary call", "everything answered"])]
fn open_questions_shipped(bencher: Bencher, case: &str) {
    let (facts, now) = (facts_of(case), Clock::machine().now().utc());
    bencher.bench(|| open_questions(&SHIPPED, black_box(&facts), now));
}

fn facts_of(case: &str) -> Facts {
    match case {
        "ordinary call" => ordinary(),
        "everything answered" => answered(&SHIPPED),
        _ => Facts::new(),
    }
}

#[divan::bench(args = ["assess", "open questions, half answered"])]
fn two_thousand_rules(bencher: Bencher, what: &str) {
    let now = Clock::machine().now().utc();
    let mut facts = answered(&LARGE);
    if what == "assess" {
        bencher.bench(|| assess(&LARGE, black_box(&facts), now));
        return;
    }
    for i in 250..500 {
        facts.clear(&format!("b{i}"));
    }
    bencher.bench(|| open_questions(&LARGE, black_box(&facts), now));
}

mod twenty_five_rules {
    use super::*;

    /// Reasons, interval and effects included.
    #[divan::bench]
    fn goldaw(bencher: Bencher) {
        let rules = load(&generated(TOY, TOY, 5));
        let (facts, now) = (answered(&rules), Clock::machine().now().utc());
        bencher.bench(|| assess(&rules, black_box(&facts), now));
    }

    /// Which conditions hold.
    #[divan::bench]
    fn zen_expression(bencher: Bencher) {
        let programs: Vec<_> =
            (0..TOY).map(|i| compile_expression(&condition(i, TOY, 5, "and", "or")).unwrap()).collect();
        let facts = Scope::new(Variable::from(serde_json::to_value(known()).unwrap()));
        let mut vm = VM::new();
        bencher.bench_local(|| {
            let held = programs.iter().map(|program| program.evaluate_with_scope(black_box(&facts), &mut vm));
            held.filter(|held| matches!(held, Ok(Variable::Bool(true)))).count()
        });
    }

    /// Which conditions hold.
    #[divan::bench]
    fn cel(bencher: Bencher) {
        let programs: Vec<Program> =
            (0..TOY).map(|i| Program::compile(&condition(i, TOY, 5, "&&", "||")).unwrap()).collect();
        let mut context = Context::default();
        for (id, value) in known() {
            context.add_variable(id, value).unwrap();
        }
        bencher.bench_local(|| {
            let hold = |program: &Program| program.execute(black_box(&context));
            programs.iter().map(hold).filter(|held| matches!(held, Ok(cel::Value::Bool(true)))).count()
        });
    }

    /// The facts of [`answered`], as the others take them.
    fn known() -> BTreeMap<String, serde_json::Value> {
        let facts = (0..TOY).map(|i| (format!("b{i}"), serde_json::Value::from(i % 3 == 0)));
        facts.chain((0..5).map(|i| (format!("n{i}"), serde_json::Value::from(30)))).collect()
    }
}
