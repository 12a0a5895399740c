//! Seeded chance in whole numbers: the same on every machine.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// One stream of chance. Each host, pipe and timetable has its own, so that a change of one leaves the others alone.
#[derive(Debug, Clone)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of this name and number under a seed.
    pub fn new(seed: u64, name: &str, number: u64) -> Self {
        Chance(ChaCha8Rng::from_seed(seed_of(seed, name, number)))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.any()) * u128::from(end);
        u64::try_from(wide >> 64).expect("the high half of a product of two 64-bit numbers")
    }

    /// A number from `from` to below `end`; `from` where that is empty.
    pub fn between(&mut self, from: u64, end: u64) -> u64 {
        from + self.below(end.saturating_sub(from))
    }

    /// True `per_mille` times in a thousand.
    pub fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < u64::from(per_mille)
    }

    /// A waiting time with this mean and no memory (exponential), in the unit of the mean.
    pub fn wait(&mut self, mean: u64) -> u64 {
        // -ln(u) in 16 binary places: u = m * 2^-e with 1 <= m < 2.
        let u = self.any() | 1;
        let exponent = u64::from(u.leading_zeros()) + 1;
        let mantissa = u << u.leading_zeros();
        let log2 = (exponent << 16) - log2_fraction(mantissa);
        let scaled = u128::from(log2) * 45_426 * u128::from(mean);
        u64::try_from(scaled >> 32).unwrap_or(u64::MAX)
    }

    /// A seed for something else.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }
}

/// 32 bytes that only this seed, name and number give.
pub fn seed_of(seed: u64, name: &str, number: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("pishtar simulation chance 1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(name.as_bytes());
    *hasher.finalize().as_bytes()
}

/// The binary logarithm of `mantissa` / 2^63, which lies from 1 to below 2, in 16 binary places.
fn log2_fraction(mantissa: u64) -> u64 {
    let (mut x, mut bits) = (mantissa, 0);
    for _ in 0..16 {
        let square = (u128::from(x) * u128::from(x)) >> 63;
        bits <<= 1;
        x = match square >> 64 {
            0 => u64::try_from(square).expect("below 2^64"),
            _ => {
                bits |= 1;
                u64::try_from(square >> 1).expect("below 2^64 after halving")
            }
        };
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_have_their_mean_and_are_the_same_everywhere() {
        let mut chance = Chance::new(1, "test", 0);
        let sum: u64 = (0..20_000).map(|_| chance.wait(1_000_000)).sum();
        let mean = sum / 20_000;
        assert!((980_000..1_020_000).contains(&mean), "{mean}");
        let mut again = Chance::new(1, "test", 0);
        assert_eq!(again.wait(1_000_000), 1_809_925);
    }

    #[test]
    fn shares_come_out_and_streams_differ() {
        let mut chance = Chance::new(7, "a", 3);
        let hits = (0..10_000).filter(|_| chance.happens(250)).count();
        assert!((2_350..2_650).contains(&hits), "{hits}");
        assert_ne!(Chance::new(7, "b", 3).any(), Chance::new(7, "a", 3).any());
        assert_eq!(chance.between(5, 5), 5);
    }
}
