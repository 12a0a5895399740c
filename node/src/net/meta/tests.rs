//! Questions and answers over a pipe, honest and not.

use std::{cell::Cell, collections::BTreeMap};

use pishtar_mesh::wire::Packing;

use super::*;
use crate::net::testing::{PEER, Tables, pipe};

const MAX: u64 = 1_000_000;
const NAME: &str = "7.math-6-sq.json";

fn file_ask(file_name: &str, max_bytes: u64, bases: Bases) -> FileAsk {
    FileAsk {
        publisher: "ministry".to_owned(),
        file_name: file_name.to_owned(),
        bases,
        max_bytes,
    }
}

fn tables(files: &[(&str, &[u8])]) -> Tables {
    let files: BTreeMap<_, _> = files
        .iter()
        .map(|(name, file)| (("ministry".to_owned(), (*name).to_owned()), file.to_vec()))
        .collect();
    Tables {
        files,
        ..Tables::default()
    }
}

/// Asks these tables, each question over a pipe of its own; gives the answer and how many questions it took.
async fn ask_tables(tables: &Tables, ask: FileAsk) -> (Result<MetaAnswer, MetaFailure>, u32) {
    let packer = Packer::default();
    let asked = Cell::new(0);
    let (pipes, mut arriving) = tokio::sync::mpsc::unbounded_channel();
    let open = || {
        asked.set(asked.get() + 1);
        let (near, far) = pipe();
        let sent = pipes.send(far).map_err(|_| OpenError::Closed);
        std::future::ready(sent.map(|()| near))
    };
    let serving = async {
        while let Some(far) = arriving.recv().await {
            serve(far, PEER, tables, &packer).await.expect("served");
        }
    };
    let answer = tokio::select! {
        answer = ask_file(open, ask) => answer,
        () = serving => unreachable!("the asker keeps its end of the channel"),
    };
    (answer, asked.get())
}

#[tokio::test]
async fn files_come_out_as_signed_whether_packed_or_not() {
    for file in [b"{}".to_vec(), br#"{"targets":"#.repeat(9_000)] {
        let tables = tables(&[(NAME, &file)]);
        let answer = ask_tables(&tables, file_ask(NAME, MAX, vec![])).await;
        assert_eq!(answer, (Ok(MetaAnswer::Bytes(file)), 1));
    }
    let eleven = tables(&[(NAME, &[1; 11])]);
    for (name, max_bytes) in [("8.math-6-sq.json", MAX), (NAME, 10)] {
        let answer = ask_tables(&eleven, file_ask(name, max_bytes, vec![])).await;
        assert_eq!(answer, (Ok(MetaAnswer::Absent), 1));
    }
    let (near, far) = pipe();
    let packer = Packer::default();
    let (versions, served) = tokio::join!(ask_versions(near), serve(far, PEER, &eleven, &packer));
    served.expect("served");
    let expected = vec![("ministry".to_owned(), 7)];
    assert_eq!(versions, Ok(MetaAnswer::Versions(expected)));
}

#[tokio::test]
async fn the_best_version_that_both_have_makes_the_answer_small() {
    let course = |version: u32| {
        let digests = (0..300_u32).map(|n| blake3::hash(&n.to_le_bytes()).to_hex().to_string());
        let lines: Vec<String> = digests.map(|digest| format!("\"{digest}\"")).collect();
        format!("{{\"version\":{version},{}}}", lines.join(",")).into_bytes()
    };
    let (six, seven) = (course(6), course(7));
    let tables = tables(&[("6.math-6-sq.json", &six), (NAME, &seven)]);
    let bases = vec![(4, course(4)), (6, six.clone())];
    let (answer, asked) = ask_tables(&tables, file_ask(NAME, MAX, bases.clone())).await;
    assert_eq!((answer, asked), (Ok(MetaAnswer::Bytes(seven.clone())), 1));
    // The same by hand, to see what goes over the wire.
    let (mut near, far) = pipe();
    let packer = Packer::default();
    let request = MetaRequest::File {
        publisher: "ministry".to_owned(),
        file_name: NAME.to_owned(),
        held_versions: vec![4, 6],
        max_bytes: MAX,
    };
    let asking = exchange(&mut near, &request);
    let (reply, served) = tokio::join!(asking, serve(far, PEER, &tables, &packer));
    served.expect("served");
    let Ok(MetaReply::File {
        packing,
        packed_bytes,
        bytes,
    }) = reply
    else {
        panic!("{reply:?}");
    };
    assert_eq!(packing, Packing::ZstdAgainst { version: 6 });
    assert!(packed_bytes < 60, "{packed_bytes}");
    assert_eq!(bytes, seven.len() as u64);
}

#[tokio::test]
async fn other_bytes_under_one_version_cost_a_second_question_and_no_fault() {
    let (six, seven) = (
        b"six, as the giver has it ".repeat(99),
        b"six and seven ".repeat(99),
    );
    let tables = tables(&[("6.math-6-sq.json", &six), (NAME, &seven)]);
    // The giver packs against its own version 6 as long as the difference is the smaller answer.
    let seven = [six.clone(), seven].concat();
    let tables = Tables {
        files: tables
            .files
            .into_iter()
            .map(|(key, file)| match key.1 == NAME {
                true => (key, seven.clone()),
                false => (key, file),
            })
            .collect(),
        ..Tables::default()
    };
    let bases = vec![(6, b"six, as the asker has it ".repeat(99))];
    let answer = ask_tables(&tables, file_ask(NAME, MAX, bases)).await;
    assert_eq!(answer, (Ok(MetaAnswer::Bytes(seven)), 2));
}

/// The asker's verdict on an answer that a peer made up.
async fn verdict(reply: MetaReply, packed: Vec<u8>, bases: Bases) -> Result<MetaAnswer, AskError> {
    let (near, mut far) = pipe();
    let answering = async {
        let _asked: MetaRequest = frame::receive(&mut far).await?;
        frame::send(&mut far, &reply).await?;
        far.write_all(&packed).await?;
        far.close().await?;
        Ok::<(), FrameError>(())
    };
    let question = file_ask(NAME, MAX, bases);
    // A peer that is hung up on fails too.
    let (verdict, _answered) = tokio::join!(ask_once(near, &question), answering);
    verdict
}

fn is_fault(verdict: &Result<MetaAnswer, AskError>) -> bool {
    matches!(verdict, Err(AskError::Failed(MetaFailure::Protocol(_))))
}

#[tokio::test]
async fn a_bomb_is_refused_by_its_announced_size_and_by_its_real_size() {
    let bomb = zstd::bulk::compress(&vec![0; 50_000_000], 3).expect("in memory");
    let packed_bytes = bomb.len() as u64;
    for bytes in [50_000_000, 1_000] {
        let reply = MetaReply::File {
            packing: Packing::Zstd,
            packed_bytes,
            bytes,
        };
        let verdict = verdict(reply, bomb.clone(), vec![]).await;
        assert!(is_fault(&verdict), "{verdict:?}");
    }
}

#[tokio::test]
async fn answers_that_do_not_fit_are_the_peers_fault() {
    let file = |packing, packed_bytes, bytes| MetaReply::File {
        packing,
        packed_bytes,
        bytes,
    };
    let short = verdict(file(Packing::Plain, 10, 10), vec![1; 9], vec![]).await;
    assert_eq!(short, Err(AskError::Failed(MetaFailure::Disconnected)));
    let longer = verdict(file(Packing::Plain, 10, 11), vec![1; 10], vec![]).await;
    assert!(is_fault(&longer), "{longer:?}");
    let against = Packing::ZstdAgainst { version: 6 };
    let not_named = verdict(file(against, 1, 1), vec![1], vec![(5, vec![1])]).await;
    assert!(is_fault(&not_named), "{not_named:?}");
    let huge = verdict(file(Packing::Zstd, 10, MAX + 1), vec![1; 10], vec![]).await;
    assert!(is_fault(&huge), "{huge:?}");
    let other = verdict(MetaReply::Versions(vec![]), vec![], vec![]).await;
    assert!(is_fault(&other), "{other:?}");
    // Told apart from a lie only by asking again: the second answer has no base to hide behind.
    let garbage = verdict(file(against, 4, 9), vec![1; 4], vec![(6, vec![1])]).await;
    assert_eq!(garbage, Err(AskError::OtherBase));
}
