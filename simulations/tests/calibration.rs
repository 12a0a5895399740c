//! The simulator's models against real nodes: none may be off by more than a fifth.

use pishtar_simulations::calibration::{
    Calm, HEAD, Measured, Row, Setup, compare, measure_lab, measure_model,
};

/// A model that is near enough once is; one that is not gets another chance, because real times are never all alike.
const ATTEMPTS: usize = 2;

fn attempt(setup: &Setup, model: &Measured) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let calm = Calm::watch();
    let lab = measure_lab(setup, folder.path()).map_err(|error| error.to_string())?;
    let rows = compare(&lab, model)?;
    println!("{HEAD}");
    for row in &rows {
        println!("{row}");
    }
    let far: Vec<&str> = rows
        .iter()
        .filter(|row| !row.holds())
        .map(|row: &Row| row.name.as_str())
        .collect();
    if far.is_empty() {
        return Ok(());
    }
    calm.confirm()?;
    Err(format!("too far from real nodes: {}", far.join(", ")))
}

#[test]
#[ignore = "needs root and network namespaces: ./check calibration"]
fn models_are_near_what_real_nodes_do() {
    let setup = Setup::default();
    let model = measure_model(&setup).expect("the simulated world does what it should");
    for number in 1..=ATTEMPTS {
        match attempt(&setup, &model) {
            Ok(()) => return,
            Err(reason) => println!("attempt {number} of {ATTEMPTS}: {reason}"),
        }
    }
    panic!("no attempt was good; see above");
}
