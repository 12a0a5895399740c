//! Kosovo's 38 municipalities as tiles of one size, each about where it lies. Drawn by hand for this project.

/// Column from the west, row from the north, name.
pub(super) const TILES: [(u8, u8, &str); 38] = [
    (4, 0, "Leposaviq"),
    (2, 1, "Zubin Potok"),
    (3, 1, "Zveçan"),
    (4, 1, "Mitrovicë e Veriut"),
    (6, 1, "Podujevë"),
    (1, 2, "Istog"),
    (3, 2, "Skenderaj"),
    (4, 2, "Mitrovicë"),
    (5, 2, "Vushtrri"),
    (0, 3, "Pejë"),
    (2, 3, "Klinë"),
    (4, 3, "Drenas"),
    (5, 3, "Obiliq"),
    (6, 3, "Prishtinë"),
    (0, 4, "Deçan"),
    (3, 4, "Malishevë"),
    (5, 4, "Fushë Kosovë"),
    (6, 4, "Graçanicë"),
    (7, 4, "Novobërdë"),
    (8, 4, "Kamenicë"),
    (0, 5, "Junik"),
    (1, 5, "Gjakovë"),
    (2, 5, "Rahovec"),
    (4, 5, "Shtime"),
    (5, 5, "Lipjan"),
    (7, 5, "Gjilan"),
    (8, 5, "Ranillug"),
    (2, 6, "Mamushë"),
    (3, 6, "Suharekë"),
    (5, 6, "Ferizaj"),
    (6, 6, "Kllokot"),
    (7, 6, "Partesh"),
    (2, 7, "Prizren"),
    (4, 7, "Shtërpcë"),
    (5, 7, "Kaçanik"),
    (6, 7, "Viti"),
    (2, 8, "Dragash"),
    (5, 8, "Hani i Elezit"),
];

/// Other names of the same places, folded as [`fold`] does.
const ALIASES: [(&str, &str); 10] = [
    ("gllogoc", "drenas"),
    ("leposavic", "leposaviq"),
    ("severna mitrovica", "mitrovice e veriut"),
    ("mitrovica e veriut", "mitrovice e veriut"),
    ("north mitrovica", "mitrovice e veriut"),
    ("mitrovice veriore", "mitrovice e veriut"),
    ("besiane", "podujeve"),
    ("sharr", "dragash"),
    ("strpce", "shterpce"),
    ("artane", "novoberde"),
];

/// The tile of a place, by any of its Albanian spellings.
pub(super) fn tile(name: &str) -> Option<usize> {
    let folded = fold(name);
    let folded = ALIASES
        .iter()
        .find(|(alias, _)| *alias == folded)
        .map_or(folded.as_str(), |(_, name)| name);
    // The definite form ends in -a where the indefinite one ends in -ë: Prishtina, Prishtinë.
    let same = |own: &str| {
        own == folded
            || (own.ends_with('e')
                && folded.ends_with('a')
                && own[..own.len() - 1] == folded[..folded.len() - 1])
    };
    TILES.iter().position(|(_, _, own)| same(&fold(own)))
}

/// Lower case without marks, words parted by single spaces.
fn fold(name: &str) -> String {
    let letter = |c: char| match c {
        'ë' | 'é' => 'e',
        'ç' | 'ć' | 'č' => 'c',
        'š' => 's',
        'ž' => 'z',
        '-' | '_' => ' ',
        other => other,
    };
    let folded: String = name.to_lowercase().chars().map(letter).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_tiles_share_a_place_or_a_name() {
        let places: BTreeSet<_> = TILES.iter().map(|(x, y, _)| (x, y)).collect();
        let names: BTreeSet<_> = TILES.iter().map(|(_, _, name)| fold(name)).collect();
        assert_eq!((places.len(), names.len()), (38, 38));
    }

    #[test]
    fn spellings_find_their_tile() {
        for (name, tile_name) in [
            ("Prishtina", "Prishtinë"),
            ("pejë", "Pejë"),
            ("Gllogoc", "Drenas"),
            ("Fushe Kosove", "Fushë Kosovë"),
            ("hani-i-elezit", "Hani i Elezit"),
        ] {
            assert_eq!(tile(name).map(|at| TILES[at].2), Some(tile_name), "{name}");
        }
        assert_eq!(tile("Tiranë"), None);
    }
}
