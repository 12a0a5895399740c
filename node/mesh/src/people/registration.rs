//! What a teacher writes down of a learner, checked column by column.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ClassName, NameError, PersonName, Phone, PhoneError, PlaceName};

/// A learner as registered. Made by [`Registration::parse`] only, so what is in it is valid.
///
/// Names of members are short because they travel in sealed records of fixed sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// First name or names.
    #[serde(rename = "n")]
    pub name: PersonName,
    /// Family name.
    #[serde(rename = "s")]
    pub surname: PersonName,
    /// A parent's name, or a guardian's.
    #[serde(rename = "p")]
    pub parent: PersonName,
    /// The school's name.
    #[serde(rename = "h")]
    pub school: PlaceName,
    /// The municipality.
    #[serde(rename = "m")]
    pub municipality: PlaceName,
    /// The family's telephone; not every family has one.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The class at this school.
    #[serde(rename = "c")]
    pub class: ClassName,
    /// The year of birth, where it is known.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub born: Option<u16>,
}

/// A registration as it was typed, or as it stood in a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the members are those of Registration, unchecked"
)]
pub struct RawRegistration {
    pub name: String,
    pub surname: String,
    pub parent: String,
    pub school: String,
    pub municipality: String,
    pub phone: String,
    pub class: String,
    pub born: String,
}

/// A column of the table of learners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are the columns' names")]
pub enum Column {
    Name,
    Surname,
    Parent,
    School,
    Municipality,
    Phone,
    Class,
    Born,
}

impl Column {
    /// All, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Surname,
        Self::Parent,
        Self::School,
        Self::Municipality,
        Self::Phone,
        Self::Class,
        Self::Born,
    ];

    /// As it stands in the first row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Surname => "surname",
            Self::Parent => "parent",
            Self::School => "school",
            Self::Municipality => "municipality",
            Self::Phone => "phone",
            Self::Class => "class",
            Self::Born => "born",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with one value. It never quotes the value: the message may end in a log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{column}: {problem}")]
pub struct FieldError {
    /// Where.
    pub column: Column,
    /// What.
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// A name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A telephone number.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// A year.
    #[error("write the year of birth with four digits, {0} to {1}, or leave it empty")]
    Born(u16, u16),
}

/// Earliest and latest year of birth that is not a slip of the pen.
const BORN: (u16, u16) = (1930, 2100);

impl Registration {
    /// Checks every value and gives all that is wrong at once, in the order of the columns.
    ///
    /// # Errors
    /// One [`FieldError`] for each bad value.
    pub fn parse(raw: &RawRegistration) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = take(&mut errors, Column::Name, PersonName::new(&raw.name));
        let surname = take(&mut errors, Column::Surname, PersonName::new(&raw.surname));
        let parent = take(&mut errors, Column::Parent, PersonName::new(&raw.parent));
        let school = take(&mut errors, Column::School, PlaceName::new(&raw.school));
        let place = PlaceName::new(&raw.municipality);
        let municipality = take(&mut errors, Column::Municipality, place);
        let phone = match raw.phone.trim() {
            "" => Ok(None),
            text => Phone::new(text).map(Some),
        };
        let phone = take(&mut errors, Column::Phone, phone);
        let class = take(&mut errors, Column::Class, ClassName::new(&raw.class));
        let born = take(&mut errors, Column::Born, year(&raw.born));
        let parsed = || {
            Some(Self {
                name: name?,
                surname: surname?,
                parent: parent?,
                school: school?,
                municipality: municipality?,
                phone: phone?,
                class: class?,
                born: born?,
            })
        };
        parsed().ok_or(errors)
    }

    /// Name and surname as people read them.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.name.as_str(), self.surname.as_str())
    }
}

fn take<T>(
    errors: &mut Vec<FieldError>,
    column: Column,
    result: Result<T, impl Into<Problem>>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(problem) => {
            let problem = problem.into();
            errors.push(FieldError { column, problem });
            None
        }
    }
}

fn year(text: &str) -> Result<Option<u16>, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let year = text.parse::<u16>().ok();
    year.filter(|year| (BORN.0..=BORN.1).contains(year))
        .map(Some)
        .ok_or(Problem::Born(BORN.0, BORN.1))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn raw(name: &str, surname: &str) -> RawRegistration {
        RawRegistration {
            name: name.into(),
            surname: surname.into(),
            parent: "Besa".into(),
            school: "Shkolla Dardania".into(),
            municipality: "Prishtinë".into(),
            phone: "044 123 456".into(),
            class: "6a".into(),
            born: String::new(),
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let bad = RawRegistration {
            name: String::new(),
            phone: "12".into(),
            born: "14".into(),
            ..raw("Arta", "Krasniqi")
        };
        let errors = Registration::parse(&bad).unwrap_err();
        let columns: Vec<_> = errors.iter().map(|error| error.column.as_str()).collect();
        assert_eq!(columns, ["name", "phone", "born"]);
        assert_eq!(errors[0].to_string(), "name: it is empty");
    }

    #[test]
    fn a_registration_reads_back_and_cannot_be_smuggled_in_unchecked() {
        let parsed = Registration::parse(&raw("Ђорђе", "Petrović")).unwrap();
        let json = serde_json::to_string(&parsed).unwrap();
        assert_eq!(serde_json::from_str::<Registration>(&json).unwrap(), parsed);
        let smuggled = json.replace("Petrović", "=cmd()");
        assert!(serde_json::from_str::<Registration>(&smuggled).is_err());
        assert_eq!(parsed.class.as_str(), "6A");
    }

    #[test]
    fn a_family_without_a_telephone_is_registered() {
        let none = RawRegistration {
            phone: " ".into(),
            born: "2014".into(),
            ..raw("Arta", "Krasniqi")
        };
        let parsed = Registration::parse(&none).unwrap();
        assert_eq!((parsed.phone, parsed.born), (None, Some(2014)));
    }
}
