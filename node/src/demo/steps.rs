//! The steps of the story, how long each took, and how it ended.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use super::child::tell;

/// Steps in the order they were taken.
#[derive(Debug, Default)]
pub(super) struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Takes a step and notes how it ended; the error is handed on.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        tell("", "");
        tell("demo", name);
        let began = Instant::now();
        let outcome = step();
        let failure = outcome.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            tell("demo", &format!("FAILED: {failure}"));
        }
        self.0.push(Step {
            name,
            took: began.elapsed(),
            failure,
        });
        outcome
    }

    /// Takes a step that later ones do not build on: a failure is noted and the story goes on.
    pub(super) fn try_take(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<()>,
    ) {
        drop(self.take(name, step));
    }

    /// How many failed.
    pub(super) fn failed(&self) -> usize {
        self.0.iter().filter(|step| step.failure.is_some()).count()
    }

    /// A table of names, outcomes and seconds, closed by the count.
    pub(super) fn table(&self) -> String {
        let width = self
            .0
            .iter()
            .map(|step| step.name.chars().count())
            .max()
            .unwrap_or(0);
        let mut table = String::new();
        for step in &self.0 {
            let outcome = if step.failure.is_some() {
                "FAILED"
            } else {
                "ok"
            };
            let seconds = step.took.as_secs_f64();
            let _ = writeln!(
                table,
                "{:<width$}  {outcome:<6}  {seconds:>6.1} s",
                step.name
            );
        }
        let _ = writeln!(
            table,
            "demo: {} passed, {} failed",
            self.0.len() - self.failed(),
            self.failed()
        );
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_what_failed() {
        let mut steps = Steps::default();
        steps.try_take("one", || Ok(()));
        steps.try_take("two", || anyhow::bail!("no"));
        assert_eq!(steps.failed(), 1);
        assert!(steps.table().ends_with("demo: 1 passed, 1 failed\n"));
    }
}
