//! Proofs by many rounds of chance: short and always the same inside the tests, long when
//! `scripts/prove.sh` asks for it.

/// How many rounds to run: `usual` unless `GOLDAW_PROOF_ROUNDS` asks for more.
pub fn rounds(usual: u64) -> u64 {
    from_environment("GOLDAW_PROOF_ROUNDS").unwrap_or(usual)
}

/// Chance that can be repeated: the same seed gives the same throws (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// Seeded from `GOLDAW_PROOF_SEED`; 1 without it.
    pub fn new() -> Dice {
        Dice(from_environment("GOLDAW_PROOF_SEED").unwrap_or(1))
    }

    /// From a seed of one's own.
    pub fn of(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number from 0 to `sides - 1`.
    pub fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}
