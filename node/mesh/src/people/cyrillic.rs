//! Serbian Cyrillic to Latin script (Gaj's alphabet), letter by letter.

/// Writes Serbian Cyrillic letters in Latin script and leaves everything else as it is.
///
/// The direction is exact: every Cyrillic letter has one Latin spelling. Of the digraphs' capitals
/// `Lj`, `Nj`, `Dž` the all-capital form is taken when the word goes on, or came, in capitals.
pub fn to_latin(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match digraph(letter) {
            Some((title, upper)) => {
                let shouting = match letters.peek() {
                    Some(next) if next.is_alphabetic() => next.is_uppercase(),
                    _ => before.is_some_and(char::is_uppercase),
                };
                out.push_str(if shouting { upper } else { title });
            }
            None => match simple(letter) {
                Some(latin) => out.push_str(latin),
                None => out.push(letter),
            },
        }
        before = Some(letter);
    }
    out
}

/// Capital letters that become two Latin ones: (in `Title` case, in `CAPITALS`).
fn digraph(letter: char) -> Option<(&'static str, &'static str)> {
    Some(match letter {
        'Љ' => ("Lj", "LJ"),
        'Њ' => ("Nj", "NJ"),
        'Џ' => ("Dž", "DŽ"),
        _ => return None,
    })
}

fn simple(letter: char) -> Option<&'static str> {
    const CYRILLIC: &str = "абвгдђежзијклљмнњопрстћуфхцчџшАБВГДЂЕЖЗИЈКЛМНОПРСТЋУФХЦЧШ";
    const LATIN: [&str; 57] = [
        "a", "b", "v", "g", "d", "đ", "e", "ž", "z", "i", "j", "k", "l", "lj", "m", "n", "nj", "o",
        "p", "r", "s", "t", "ć", "u", "f", "h", "c", "č", "dž", "š", "A", "B", "V", "G", "D", "Đ",
        "E", "Ž", "Z", "I", "J", "K", "L", "M", "N", "O", "P", "R", "S", "T", "Ć", "U", "F", "H",
        "C", "Č", "Š",
    ];
    let index = CYRILLIC.chars().position(|known| known == letter)?;
    LATIN.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_latin_spelling() {
        assert_eq!(
            to_latin("абвгдђежзијклљмнњопрстћуфхцчџш"),
            "abvgdđežzijklljmnnjoprstćufhcčdžš"
        );
        assert_eq!(
            to_latin("АБВГДЂЕЖЗИЈКЛМНОПРСТЋУФХЦЧШ"),
            "ABVGDĐEŽZIJKLMNOPRSTĆUFHCČŠ"
        );
    }

    #[test]
    fn digraphs_follow_the_case_of_their_word() {
        assert_eq!(to_latin("Његош и Љубав, Џез"), "Njegoš i Ljubav, Džez");
        assert_eq!(to_latin("ЊЕГОШ, КОЊ, ЉУБАВ"), "NJEGOŠ, KONJ, LJUBAV");
        assert_eq!(to_latin("Њ"), "Nj");
    }

    #[test]
    fn what_is_not_cyrillic_stays() {
        assert_eq!(
            to_latin("{ $count } лекција, 43 % → Wi-Fi"),
            "{ $count } lekcija, 43 % → Wi-Fi"
        );
    }
}
