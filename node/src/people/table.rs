//! A table of learners: CSV in UTF-8 with a head row, as spreadsheets write it.

use std::collections::{BTreeMap, BTreeSet};

use pishtar_mesh::people::{Column, RawRegistration, Registration};

use super::types::RowError;

/// Most rows of one table.
const MAX_ROWS: usize = 10_000;
/// Longest table, bytes.
const MAX_BYTES: usize = 8 << 20;
/// Most rows of which the faults are told.
const MAX_FAULTS: usize = 1_000;

/// Other words for the columns, as schools write them.
const WORDS: [(&str, Column); 24] = [
    ("emri", Column::Name),
    ("ime", Column::Name),
    ("ad", Column::Name),
    ("first name", Column::Name),
    ("mbiemri", Column::Surname),
    ("prezime", Column::Surname),
    ("soyad", Column::Surname),
    ("last name", Column::Surname),
    ("prindi", Column::Parent),
    ("roditelj", Column::Parent),
    ("veli", Column::Parent),
    ("shkolla", Column::School),
    ("škola", Column::School),
    ("okul", Column::School),
    ("komuna", Column::Municipality),
    ("opština", Column::Municipality),
    ("belediye", Column::Municipality),
    ("telefoni", Column::Phone),
    ("telefon", Column::Phone),
    ("klasa", Column::Class),
    ("razred", Column::Class),
    ("sınıf", Column::Class),
    ("viti i lindjes", Column::Born),
    ("godina rođenja", Column::Born),
];

/// Reads a table; `fill` puts in what a row leaves out. All rows are valid, or everything that is wrong is told.
pub(super) fn read(
    text: &[u8],
    fill: impl Fn(RawRegistration) -> RawRegistration,
) -> Result<Vec<Registration>, Vec<RowError>> {
    let whole = |text: String| {
        vec![RowError {
            row: 1,
            column: None,
            text,
        }]
    };
    if text.len() > MAX_BYTES {
        return Err(whole(format!("the table is longer than {MAX_BYTES} bytes")));
    }
    let text = std::str::from_utf8(text)
        .map_err(|_| whole("the file is not UTF-8; save it as “CSV UTF-8”".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| whole(error.to_string()))?;
    let columns = columns(head).map_err(whole)?;
    let (mut good, mut errors) = (Vec::new(), Vec::new());
    for (at, row) in (2..).zip(reader.records()) {
        let row = match row {
            Ok(row) => row,
            Err(_) => {
                errors.push(fault(at, None, "the row does not read as CSV".to_owned()));
                continue;
            }
        };
        if row.iter().all(str::is_empty) {
            continue;
        }
        if good.len() >= MAX_ROWS || errors.len() >= MAX_FAULTS {
            let most =
                format!("the table ends here: at most {MAX_ROWS} rows, and {MAX_FAULTS} faults");
            errors.push(fault(at, None, most));
            break;
        }
        match Registration::parse(&fill(raw(&row, &columns))) {
            Ok(registration) => good.push(registration),
            Err(faults) => errors.extend(
                faults
                    .into_iter()
                    .map(|error| fault(at, Some(error.column.to_string()), error.to_string())),
            ),
        }
    }
    match errors.is_empty() {
        true => Ok(good),
        false => Err(errors),
    }
}

fn fault(row: u64, column: Option<String>, text: String) -> RowError {
    RowError { row, column, text }
}

/// Semicolons where the head has them: spreadsheets of most of Europe write them.
fn delimiter(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    [b';', b'\t']
        .into_iter()
        .find(|mark| head.bytes().any(|byte| byte == *mark))
        .unwrap_or(b',')
}

/// Where each column is; a word that names none is an error, so that no misspelt column is silently left out.
fn columns(head: &csv::StringRecord) -> Result<BTreeMap<Column, usize>, String> {
    let mut found = BTreeMap::new();
    for (at, word) in head.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
        let word = word.to_lowercase();
        let known = Column::ALL
            .into_iter()
            .map(|column| (column.as_str(), column))
            .chain(WORDS)
            .find(|(name, _)| *name == word);
        let Some((_, column)) = known else {
            let all: Vec<_> = Column::ALL.iter().map(|column| column.as_str()).collect();
            return Err(format!(
                "column {} is none of those that are known: {}",
                at + 1,
                all.join(", ")
            ));
        };
        if found.insert(column, at).is_some() {
            return Err(format!("the column {column} is there twice"));
        }
    }
    let needed = BTreeSet::from([Column::Name, Column::Surname, Column::Parent]);
    match needed
        .into_iter()
        .find(|column| !found.contains_key(column))
    {
        Some(column) => Err(format!("the column {column} is missing")),
        None => Ok(found),
    }
}

fn raw(row: &csv::StringRecord, columns: &BTreeMap<Column, usize>) -> RawRegistration {
    let value = |column| {
        let at = columns.get(&column);
        at.and_then(|at| row.get(*at))
            .unwrap_or_default()
            .to_owned()
    };
    RawRegistration {
        name: value(Column::Name),
        surname: value(Column::Surname),
        parent: value(Column::Parent),
        school: value(Column::School),
        municipality: value(Column::Municipality),
        phone: value(Column::Phone),
        class: value(Column::Class),
        born: value(Column::Born),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name,surname,parent,school,municipality,phone,class";

    fn same(raw: RawRegistration) -> RawRegistration {
        raw
    }

    #[test]
    fn tables_of_spreadsheets_are_read() {
        let comma =
            format!("{HEAD}\nArta,Krasniqi,Besa,Dardania,Prishtinë,044 123 456,6a\n,,,,,,\n");
        let semicolon = "\u{feff}Emri;Mbiemri;Prindi;Shkolla;Komuna;Telefoni;Klasa\r\nArta;Krasniqi;Besa;Dardania;Prishtinë;044 123 456;6a\r\n";
        let first = read(comma.as_bytes(), same).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(read(semicolon.as_bytes(), same).unwrap(), first);
    }

    #[test]
    fn all_faults_are_told_by_row_and_column_and_quote_nothing() {
        let text = format!(
            "{HEAD}\nArta,Krasniqi,Besa,D,P,044 123 456,6a\nArt4,Hoxha,Agim,D,P,12,6a\nBlerta,,Agim,D,P,,6a\n"
        );
        let errors = read(text.as_bytes(), same).unwrap_err();
        let told: Vec<_> = errors
            .iter()
            .map(|error| (error.row, error.column.as_deref().unwrap()))
            .collect();
        assert_eq!(told, [(3, "name"), (3, "phone"), (4, "surname")]);
        let text: String = errors.iter().map(ToString::to_string).collect();
        assert!(!text.contains("Hoxha") && !text.contains("Art4"));
    }

    #[test]
    fn heads_that_would_lose_something_are_refused() {
        for head in [
            "name,surname",
            "name,surname,parent,fone",
            "name,surname,parent,name",
        ] {
            let errors = read(head.as_bytes(), same).unwrap_err();
            assert_eq!(errors[0].row, 1);
        }
        assert!(read(b"name\xff", same).is_err());
    }
}
