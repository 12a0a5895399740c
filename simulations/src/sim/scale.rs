//! The part of a scenario that is simulated: a scenario states the whole country, and how much of it stands for the rest.

use serde::{Deserialize, Serialize};

use super::scenario::Scenario;

/// How much stands for how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scale {
    /// One home device stands for so many; its learners are shared out among those that are simulated.
    pub homes_one_in: u64,
    /// So many lessons are one file of their joint length; the bytes are the same.
    pub lessons_together: u64,
}

impl Default for Scale {
    fn default() -> Self {
        Scale {
            homes_one_in: 1,
            lessons_together: 1,
        }
    }
}

impl Scenario {
    /// The scenario as it is simulated, with a sentence in the report for everything that is smaller than stated.
    pub fn at_scale(mut self) -> Scenario {
        let scale = std::mem::take(&mut self.scale);
        let mut told = Vec::new();
        if scale.lessons_together > 1 {
            let whole = (self.lesson_count(), self.lessons.bytes);
            let lessons = &mut self.lessons;
            let joined = |count: u64| count.div_ceil(scale.lessons_together);
            lessons.per_course = joined(lessons.per_course);
            lessons.added = joined(lessons.added);
            lessons.withdrawn = joined(lessons.withdrawn);
            lessons.bytes *= scale.lessons_together;
            let (files, bytes) = (self.lesson_count(), self.lessons.bytes);
            told.push(format!(
                "{files} files of {} MB stand for {} lessons of {} MB: {} lessons arrive together as one.",
                bytes / 1_000_000,
                whole.0,
                whole.1 / 1_000_000,
                scale.lessons_together
            ));
        }
        if scale.homes_one_in > 1 {
            let whole: u64 = self.municipality.iter().map(|place| place.homes).sum();
            for place in &mut self.municipality {
                place.homes = place.homes.div_ceil(scale.homes_one_in);
            }
            let homes: u64 = self.municipality.iter().map(|place| place.homes).sum();
            told.push(format!(
                "{homes} home devices stand for {whole}: one in {} is simulated.",
                scale.homes_one_in
            ));
        }
        self.notes.splice(0..0, told);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stands_for_the_whole_and_says_so() {
        let text = r#"
            name = "country"
            days = 1
            [scale]
            homes_one_in = 10
            lessons_together = 10
            [lessons]
            grades = 2
            subjects = 1
            languages = ["sq"]
            per_course = 80
            bytes = 100_000_000
            added = 12
            [[municipality]]
            name = "Here"
            schools = 2
            learners = 200
            homes = 55
        "#;
        let stated = Scenario::parse(text).unwrap();
        let part = stated.clone().at_scale();
        assert_eq!((stated.lesson_count(), part.lesson_count()), (160, 16));
        let bytes = |of: &Scenario| of.lesson_count() * of.lessons.bytes;
        assert_eq!(bytes(&stated), bytes(&part), "all bytes move");
        assert_eq!((part.municipality[0].homes, part.lessons.added), (6, 2));
        assert_eq!(
            part.notes,
            [
                "16 files of 1000 MB stand for 160 lessons of 100 MB: 10 lessons arrive together as one.",
                "6 home devices stand for 55: one in 10 is simulated.",
            ]
        );
        assert_eq!(part.clone().at_scale(), part, "once is enough");
    }
}
