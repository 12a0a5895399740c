//! The lab itself: hosts reach each other, and nothing of it stays behind.

use std::process::Command;

use pishtar_simulations::lab::Lab;

fn namespaces() -> String {
    let output = Command::new("ip")
        .args(["netns", "list"])
        .output()
        .expect("ip runs");
    String::from_utf8(output.stdout).expect("names are text")
}

#[test]
#[ignore = "needs root and network namespaces: ./check lab"]
fn hosts_reach_each_other_and_nothing_stays_behind() {
    let own = format!("plab-{}-", std::process::id());
    {
        let mut lab = Lab::new().expect("a lab");
        let (one, two) = (
            lab.host("one").expect("a host"),
            lab.host("two").expect("a host"),
        );
        assert!(namespaces().contains(&own));
        let mut server = two
            .command("python3")
            .args([
                "-m",
                "http.server",
                "8000",
                "--bind",
                &two.address().to_string(),
            ])
            .current_dir(std::env::temp_dir())
            .spawn()
            .expect("a server");
        let url = format!("http://{}:8000/", two.address());
        let get = format!(
            "import time, urllib.request as r\nfor _ in range(100):\n  try: print(r.urlopen('{url}', timeout=2).status); break\n  except OSError: time.sleep(.1)"
        );
        let answer = one.run("python3", &["-c", &get]);
        server.kill().expect("it runs");
        server.wait().expect("it ran");
        assert_eq!(answer.expect("an answer").trim(), "200");
    }
    assert!(!namespaces().contains(&own), "namespaces stayed behind");
}
