//! Steps and trail are numbered in the order of commits, whatever clocks say.

use goldaw::storage::By;

use super::keep;
use crate::support::{Engine, Hotline, number, on_both_engines};

on_both_engines![positions_follow_commits, a_clock_that_goes_back_does_not_reorder];

fn positions_follow_commits(hotline: &Hotline) {
    for turn in 0..5 {
        let writes = (0..10).map(|_| {
            crate::support::work(move |tx| {
                keep(tx, &format!("turn {turn}"))?;
                tx.trail("opened", ("task", &format!("turn {turn}")), None)
            })
        });
        assert!(hotline.together(writes.collect()).iter().all(Result::is_ok));
    }
    let mut stranger = hotline.stranger();
    for (table, subject) in [("steps", "subject_id"), ("trail", "subject")] {
        let known = |stranger: &mut _, what: &str| number(stranger, &format!("SELECT {what} AS value FROM {table}"));
        assert_eq!(known(&mut stranger, "count(DISTINCT position)"), 50);
        if hotline.engine == Engine::Sqlite {
            assert_eq!(known(&mut stranger, "max(position)"), 50, "without a gap");
        }
        let swapped = format!(
            "SELECT count(*) AS value FROM {table} a JOIN {table} b ON a.{subject} < b.{subject} AND a.position > b.position"
        );
        assert_eq!(number(&mut stranger, &swapped), 0, "a later turn has later positions");
    }
}

fn a_clock_that_goes_back_does_not_reorder(hotline: &Hotline) {
    for name in ["first", "second"] {
        hotline.store.write_blocking(By::system(), move |tx| keep(tx, name)).unwrap();
        hotline.wait(-goldaw::clock::HOUR);
    }
    let order = "SELECT count(*) AS value FROM steps a JOIN steps b ON a.position < b.position
        WHERE a.subject_id = 'first' AND b.subject_id = 'second' AND a.at > b.at";
    assert_eq!(number(&mut hotline.stranger(), order), 1);
}
