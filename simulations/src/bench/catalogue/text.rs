//! Words, keys and hashes from a seed: text with about the entropy of a language, hashes with all of it.

use std::collections::BTreeSet;

/// Words of a language that lessons use.
const VOCABULARY: usize = 8_000;
/// Weight of the most frequent word; the n-th one has about an n-th of it (Zipf).
const FIRST_WEIGHT: u64 = 1 << 24;

const ALBANIAN: [&str; 32] = [
    "ma", "të", "shko", "lla", "për", "qin", "dja", "num", "ri", "thye", "sa", "kë", "ndi", "gje",
    "ra", "ci", "çe", "lës", "ujë", "vend", "bar", "dri", "fa", "go", "hi", "ji", "ka", "li", "mi",
    "no", "pe", "xhi",
];
const SERBIAN: [&str; 32] = [
    "ма", "те", "ко", "ла", "при", "чин", "дја", "ну", "ри", "зна", "ње", "бро", "ји", "ци", "че",
    "љес", "у", "во", "бар", "дри", "фа", "го", "хи", "ка", "ли", "ми", "но", "пе", "све", "шко",
    "ђа", "жи",
];
const ENGLISH: [&str; 32] = [
    "the", "in", "ter", "ing", "ma", "th", "num", "ber", "com", "pu", "sci", "en", "ce", "for",
    "wa", "ra", "ti", "on", "pro", "ble", "m", "lan", "gu", "age", "his", "to", "ry", "light",
    "an", "gle", "plant", "de",
];

/// Everything that is made up, in an order that only the seed decides (splitmix64: evenly spread and exactly
/// repeatable, nothing secret).
pub(super) struct Text {
    state: u64,
    languages: [Vocabulary; 3],
}

/// Words of one language, the frequent ones first.
struct Vocabulary {
    words: Vec<String>,
    /// Sum of the weights up to and with each word.
    weights: Vec<u64>,
}

impl Text {
    pub(super) fn new(seed: u64) -> Text {
        // The words are those of the language, whatever is said with them.
        let mut spelling = Text::without_words(0x5eed);
        let languages =
            [ALBANIAN, SERBIAN, ENGLISH].map(|syllables| spelling.vocabulary(&syllables));
        Text {
            languages,
            ..Text::without_words(seed)
        }
    }

    fn without_words(state: u64) -> Text {
        let empty = || Vocabulary {
            words: Vec::new(),
            weights: Vec::new(),
        };
        Text {
            state,
            languages: [empty(), empty(), empty()],
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` up to but not with `high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    pub(super) fn hash(&mut self) -> [u8; 32] {
        let mut hash = [0; 32];
        for part in hash.chunks_exact_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes());
        }
        hash
    }

    pub(super) fn word(&mut self, language: &str) -> String {
        let draw = self.next();
        let [albanian, serbian, english] = &self.languages;
        let vocabulary = match language {
            "sr-Cyrl" => serbian,
            "en" => english,
            _ => albanian,
        };
        let total = vocabulary.weights.last().copied().unwrap_or(1);
        let at = vocabulary
            .weights
            .partition_point(|weight| *weight <= draw % total);
        vocabulary.words[at].clone()
    }

    pub(super) fn sentence(&mut self, language: &str, words: usize) -> String {
        let words: Vec<String> = (0..words).map(|_| self.word(language)).collect();
        words.join(" ")
    }

    fn vocabulary(&mut self, syllables: &[&str]) -> Vocabulary {
        let mut words = BTreeSet::new();
        while words.len() < VOCABULARY {
            let count = self.between(1, 5);
            let word: String = (0..count)
                .map(|_| syllables[(self.next() % syllables.len() as u64) as usize])
                .collect();
            words.insert(word);
        }
        let mut words: Vec<String> = words.into_iter().collect();
        // Frequent words are short.
        words.sort_by_key(String::len);
        let weights = (3..).take(VOCABULARY).scan(0, |sum, rank| {
            *sum += FIRST_WEIGHT / rank;
            Some(*sum)
        });
        Vocabulary {
            weights: weights.collect(),
            words,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn words_have_the_entropy_of_a_language_and_repeat_exactly() {
        let (mut one, mut other) = (Text::new(7), Text::new(7));
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        const DRAWS: u32 = 200_000;
        for _ in 0..DRAWS {
            let word = one.word("sq");
            assert_eq!(word, other.word("sq"));
            *counts.entry(word).or_default() += 1;
        }
        let entropy: f64 = counts
            .values()
            .map(|count| f64::from(*count) / f64::from(DRAWS))
            .map(|share| -share * share.log2())
            .sum();
        // English has about 9.7 bits for a word drawn by its frequency.
        assert!((9.0..11.0).contains(&entropy), "{entropy}");
    }
}
