//! A pack is wholly checked when it is loaded: every fault at once, with its place.

use crate::packs::{LANGUAGES, pack, shipped_sources};
use goldaw::triage::{Fault, PackSource, RuleSet};

const BASE: &str = r#"
[[indicator]]
id = "strangled"
kind = "bool"
source = "contact"
[[indicator]]
id = "weapon"
kind = "bool"
source = "contact"
[[indicator]]
id = "age"
kind = "number"
source = "contact"
max = 120
[[indicator]]
id = "hours"
kind = "number"
source = "contact"
unit = "hours"
[[indicator]]
id = "sex"
kind = "choice"
source = "contact"
options = ["female", "male"]
"#;

/// The faults of the base pack with this added.
fn faults(text: &str) -> Vec<Fault> {
    match RuleSet::load(&pack(&format!("{BASE}{text}")), &LANGUAGES) {
        Ok(_) => Vec::new(),
        Err(faults) => faults,
    }
}

fn rule(when: &str) -> String {
    rule_called("r", when)
}

fn rule_called(id: &str, when: &str) -> String {
    format!(
        "\n[[rule]]\nid = \"{id}\"\nwhen = \"{when}\"\nlevel = \"high\"\n\
         say = {{ tk = \"t\", ru = \"t\", en = \"t\" }}\nsource = \"test\"\n"
    )
}

/// The one fault that a condition has.
fn fault(when: &str) -> Fault {
    let mut found = faults(&rule(when));
    assert_eq!(found.len(), 1, "{when}: {found:?}");
    found.remove(0)
}

#[test]
fn a_sound_pack_has_no_faults() {
    assert_eq!(faults(&rule("strangled and (age < 18 or hours <= 7d) and sex in ['female']")), []);
}

#[test]
fn an_unknown_indicator_is_named_with_what_was_meant() {
    let fault = fault("weapon and strangeld");
    assert_eq!(fault.message, "there is no indicator `strangeld`");
    assert_eq!(fault.suggestion.as_deref(), Some("did you mean `strangled`?"));
    let line = pack(&format!("{BASE}{}", rule("x")))[0].text.lines().position(|line| line.starts_with("when")).unwrap();
    assert_eq!((fault.line, fault.column), (line + 1, "when = \"weapon and ".len() + 1));
}

#[test]
fn types_must_fit() {
    for (when, message) in [
        ("age", "not yes or no"),
        ("strangled > 3", "not a number"),
        ("age <= 7d", "cannot be compared"),
        ("hours <= age", "cannot be compared"),
        ("now <= 5", "cannot be compared"),
        ("sex == 3", "not a number"),
        ("sex < 'male'", "no order"),
        ("sex == 'man'", "no option `man`"),
        ("count(strangled, weapon)", "must be compared"),
        ("danger.score > 3", "no instrument `danger`"),
        ("strangled and", "expected"),
        ("strangled weapon", "does not fit"),
        ("hours <= 7w", "does not fit"),
        ("anyof(strangled)", "no function `anyof`"),
    ] {
        let found = fault(when);
        assert!(found.message.contains(message), "{when}: {found}");
    }
}

#[test]
fn a_rule_that_can_never_hold_is_refused() {
    for when in [
        "strangled and not strangled",
        "age < 12 and age > 17",
        "sex == 'male' and sex == 'female'",
        "weapon and (strangled or age > 18) and not strangled and age < 10",
    ] {
        assert!(fault(when).message.contains("can never hold"), "{when}");
    }
    assert!(fault("age > 130").message.contains("can never be true"));
    assert!(fault("age <= 120").message.contains("always true"));
    assert!(fault("weapon or not weapon").message.contains("holds whatever"));
}

#[test]
fn constraints_must_make_sense() {
    let constraint = |id: &str, never: &str| {
        format!(
            "\n[[constraint]]\nid = \"{id}\"\nnever = \"{never}\"\n\
             say = {{ tk = \"t\", ru = \"t\", en = \"t\" }}\n"
        )
    };
    let message = |text: String| faults(&text)[0].message.clone();
    assert!(message(constraint("c", "weapon and not weapon")).contains("never be broken"));
    assert!(message(constraint("c", "weapon or not weapon")).contains("never be kept"));
    let both = constraint("one", "weapon") + &constraint("two", "not weapon");
    assert!(message(both).contains("cannot both be kept"));
    let shut_out = constraint("c", "weapon and strangled") + &rule("weapon and strangled");
    assert!(message(shut_out).contains("only hold when `c` is broken"));
}

#[test]
fn a_window_needs_its_unit() {
    let window = |lasts: &str| {
        format!(
            "\n[[window]]\nid = \"pep\"\nlasts = {lasts}\nsource = \"test\"\n\
             say = {{ tk = \"t\", ru = \"t\", en = \"t\" }}\n"
        )
    };
    assert_eq!(faults(&window("\"72h\"")), []);
    for lasts in ["72", "\"72\"", "\"72 weeks\""] {
        assert!(faults(&window(lasts))[0].message.contains("with its unit"), "{lasts}");
    }
}

#[test]
fn a_missing_language_is_a_fault() {
    let text = rule("weapon").replace(", ru = \"t\"", "");
    assert_eq!(faults(&text)[0].message, "`r` has no text in `ru`");
    let dormant = "\n[[instrument]]\nid = \"i\"\nsource = \"s\"\npopulation = \"p\"\nlimits = \"l\"\n\
         dormant = \"no words\"\nitems = [[\"i_1\", 1]]\nbands = [{ name = \"a\" }, { name = \"b\", from = 1 }]\n";
    assert_eq!(faults(dormant), []);
    let awake = dormant.replace("dormant = \"no words\"\n", "");
    assert!(faults(&awake)[0].message.contains("has no question"));
}

#[test]
fn an_id_is_defined_once() {
    assert!(faults(&(rule("weapon") + &rule("strangled")))[0].message.contains("defined twice"));
}

#[test]
fn a_key_that_does_not_exist_is_named_with_what_was_meant() {
    let fault = faults(&rule("weapon").replace("level =", "levle =")).remove(0);
    assert!(fault.message.contains("levle"));
    assert_eq!(fault.suggestion.as_deref(), Some("did you mean `level`?"));
    let fault = faults("\n[[rules]]\nid = \"x\"\n").remove(0);
    assert!(fault.message.contains("no table `rules`"));
}

#[test]
fn effects_must_exist() {
    let text = |extra: &str| rule("weapon").replace("level = \"high\"", extra);
    assert!(faults(&text(""))[0].message.contains("nothing follows"));
    assert!(faults(&text("level = \"not_assessed\""))[0].message.contains("cannot conclude"));
    assert!(faults(&text("needs = [\"medicle\"]"))[0].message.contains("no service type"));
    assert!(faults(&text("ask = [\"wepon\"]"))[0].message.contains("no indicator `wepon`"));
    let assumed = text("level = \"high\"\nassume = [\"age\"]");
    assert!(faults(&assumed)[0].message.contains("does not look at `age`"));
    let clock = text("clock = { window = \"pep\", since = \"age\" }");
    let found = faults(&clock);
    assert!(found.iter().any(|fault| fault.message.contains("no window `pep`")));
    assert!(found.iter().any(|fault| fault.message.contains("not a length of time")));
}

#[test]
fn all_faults_are_listed_not_only_the_first() {
    let text = rule_called("one", "strangeld and wepon")
        + &rule_called("two", "age")
        + &rule_called("three", "sex == 'man'")
        + "\n[[rule]]\nid = 7\n"
        + "\n[[window]]\nid = \"w\"\nlasts = 3\nsource = \"s\"\nsay = { en = \"x\" }\n";
    let found = faults(&text);
    assert_eq!(found.len(), 8, "{found:#?}");
    assert!(found.windows(2).all(|pair| pair[0].line <= pair[1].line));
}

#[test]
fn broken_toml_in_one_source_does_not_hide_the_others() {
    let mut sources = pack(&format!("{BASE}{}", rule("age")));
    sources.push(PackSource { name: "broken.toml".into(), text: "a = = 1\n[[rule\n".into() });
    let found = RuleSet::load(&sources, &LANGUAGES).unwrap_err();
    let files: Vec<&str> = found.iter().map(|fault| fault.file.as_str()).collect();
    assert!(files.contains(&"test.toml") && files.contains(&"broken.toml"));
}

#[test]
fn a_pack_whose_own_case_fails_is_refused() {
    let case = "\n[[case]]\nname = \"a weapon\"\nfacts = { weapon = \"no\" }\n\
                expect = { level = \"high\", fires = [\"r\"] }\n";
    let found = faults(&(rule("weapon") + case));
    assert_eq!(found.len(), 2);
    assert!(found[0].message.contains("\"a weapon\" expects level high, but it is low"));
    let misspelt = case.replace("weapon = ", "wepon = ");
    assert!(faults(&(rule("weapon") + &misspelt))[0].message.contains("no indicator `wepon`"));
}

#[test]
fn a_rule_that_does_not_just_miss_what_its_case_says_is_refused() {
    let case = "\n[[case]]\nname = \"a weapon\"\nfacts = { weapon = \"yes\" }\nbut = { weapon = \"no\" }\n\
                expect = { fires = [\"r\"] }\n";
    assert_eq!(faults(&(rule("weapon") + case)).len(), 0);
    let found = faults(&(rule("weapon") + &case.replace("weapon = \"no\"", "weapon = \"yes\"")));
    assert!(found[0].message.contains("`but` silences r, but it is still fired"), "{}", found[0]);
    let misspelt = case.replace("but = { weapon", "but = { wepon");
    assert!(faults(&(rule("weapon") + &misspelt))[0].message.contains("no indicator `wepon`"));
}

#[test]
fn a_changed_threshold_in_a_shipped_pack_is_caught_by_its_cases() {
    let mut sources = shipped_sources();
    let screen = sources.iter_mut().find(|source| source.name.contains("lethality")).unwrap();
    screen.text = screen.text.replace(">= 4", ">= 5");
    let found = RuleSet::load(&sources, &LANGUAGES).unwrap_err();
    assert!(found[0].message.contains("four of the others"), "{}", found[0]);
}
