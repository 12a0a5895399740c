//! Fills a folder with sealed records as a sync point holds them, for the checks of the collector's sinks.
//!
//!     sealed_records KEYS/collection.json FOLDER
//!
//! Two tablets of one learner complete a lesson together, another learner watches a part and answers, and a third has a
//! name that a spreadsheet would take for a formula.

use std::{error::Error, path::Path};

use ed25519_dalek::SigningKey;
use pishtar::store::records::{RecordOptions, RecordStore};
use pishtar_mesh::{
    learner::{
        Attempt, DisplayName, LearnerEvent, LearnerId, LessonRef, PlayedSegments, Watched, What,
        pack_events,
    },
    records::SetKind,
};
use pishtar_signing::record::{CollectionSecret, LogSigner, Recipients, seal};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// Unix seconds of the records' making.
const NOW: i64 = 1_780_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(key), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: sealed_records KEYS/collection.json FOLDER".into());
    };
    let secret = CollectionSecret::from_json(&std::fs::read(key)?)?;
    let to = Recipients {
        ministry: secret.public(),
        school: None,
    };
    let store = RecordStore::open(
        &Path::new(&folder).join("records.redb"),
        RecordOptions::default(),
    )?;
    let tablets: [&[LearnerEvent]; 3] = [
        &[
            watched("learner-1", "Arta Krasniqi", (0, 60_000)),
            answered("learner-1", "Arta Krasniqi", 3),
        ],
        &[
            watched("learner-1", "Arta Krasniqi", (40_000, 100_000)),
            answered("learner-1", "Arta Krasniqi", 5),
        ],
        &[
            watched("learner-2", "Петар, \"Пера\"", (0, 12_500)),
            answered("learner-2", "Петар, \"Пера\"", 1),
            watched("learner-3", "=HYPERLINK(\"http://evil.example\")", (0, 1)),
        ],
    ];
    for (seed, events) in (1..).zip(tablets) {
        let signer = LogSigner::new(&SigningKey::from_bytes(&[seed; 32]), &[seed + 100; 32]);
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let mut records = Vec::new();
        for (sequence, event) in (1..).zip(events) {
            let payload = pack_events(std::slice::from_ref(event))?.remove(0);
            let hour = u32::try_from(NOW / 3600)?;
            records.push(seal(&payload, &signer, sequence, hour, &to, &mut rng)?.into_bytes());
        }
        store
            .store(SetKind::Records, records, [seed; 32], NOW)
            .await?;
    }
    store.close().await;
    Ok(())
}

fn watched(learner: &str, name: &str, (start, end): (u32, u32)) -> LearnerEvent {
    let played = PlayedSegments::from_intervals([(start, end)]).expect("it runs forward");
    let what = What::Watched(Watched {
        played,
        furthest_ms: end,
        duration_ms: 100_000,
    });
    event(learner, name, what)
}

fn answered(learner: &str, name: &str, raw: u32) -> LearnerEvent {
    let what = What::Attempted(Attempt {
        counter: 1,
        item: "ushtrimi 1".into(),
        raw,
        max: 5,
    });
    event(learner, name, what)
}

fn event(learner: &str, name: &str, what: What) -> LearnerEvent {
    LearnerEvent {
        learner: LearnerId::new(learner).expect("a short word"),
        name: Some(DisplayName::new(name).expect("a short name")),
        lesson: LessonRef::new("ministry/math-6-sq/thyesat").expect("a short word"),
        what,
    }
}
