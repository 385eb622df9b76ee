//! The old protocol of `scp`: what its command line and its lines may name, and what a shell would
//! make of it. Both of OpenSSH's ways to speak it.

use crate::leads::{acme, by_path};
use crate::world::{Backend, OWN, World};

const NEIGHBOURS: [&str; 4] = [
    "home/acme2/secret",
    "home/acme2/sub/secret",
    "home/secret",
    "secret",
];

/// Arguments that lead out, or that a shell would run.
const ARGUMENTS: [&str; 22] = [
    "../acme2/secret",
    "../acme2",
    "/inbox/home/acme2",
    "..",
    "/",
    "/..",
    "*/../../acme2/*",
    "../*",
    "../acme2/*",
    "../acme?/s*",
    "/inbox/home/*/secret",
    "$(cat /etc/passwd)",
    "`id`",
    "x; cat /etc/passwd",
    "x | tee ../acme2/secret",
    "x > ../acme2/secret",
    "'../acme2/secret'",
    "\"../acme2/secret\"",
    "..\\/acme2\\/secret",
    "~acme2/secret",
    "{../acme2/secret,x}",
    "[.][.]/acme2/secret",
];

/// Lines of a client that lies about names.
const LINES: [&[u8]; 14] = [
    b"C0644 24 ../acme2/secret\n",
    b"C0644 24 ..\n",
    b"C0644 24 .\n",
    b"C0644 24 /inbox/home/acme2/secret\n",
    b"C0644 24 sub/../../acme2/secret\n",
    b"D0755 0 ..\nC0644 24 secret\n",
    b"D0755 0 ../acme2\nC0644 24 secret\n",
    b"D0755 0 .\nD0755 0 ..\nD0755 0 acme2\nC0644 24 secret\n",
    b"D0755 0 /inbox/home/acme2\nC0644 24 secret\n",
    b"D0755 0 made\nE\nE\nE\nC0644 24 ../secret\n",
    b"E\nE\nE\nC0644 24 ../acme2/secret\n",
    b"C0644 24 sec\0ret\n",
    b"C0644 24 \xc0\xae\xc0\xae\n",
    b"T1 0 1 0\nD0755 0 ..\nT1 0 1 0\nC0644 24 secret\n",
];

async fn no_argument_and_no_line_of_scp_leads_out(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let own = ["inbox/home/acme/"];
    let before = world.beside(&own);
    for attacker in [acme(&world), by_path(&world)] {
        for argument in ARGUMENTS {
            let read = format!("scp -r -f {argument}");
            attacker.execute(read.as_bytes(), &[0; 32]).await;
            for flags in ["-t", "-r -d -p -t"] {
                let write = format!("scp {flags} {argument}");
                let file = [b"C0644 24 secret\n", OWN.as_bytes(), b"\0"].concat();
                attacker.execute(write.as_bytes(), &file).await;
            }
        }
        for line in LINES {
            let lie = [line, OWN.as_bytes(), b"\0"].concat();
            for target in ["scp -r -p -t .", "scp -t secret"] {
                attacker.execute(target.as_bytes(), &lie).await;
            }
        }
        assert_eq!(world.beside(&own), before, "by {}", attacker.user);
    }
    for key in world.standing().keys() {
        let names = key.trim_end_matches('/').split('/');
        assert!(
            names.clone().all(|name| !["", ".", ".."].contains(&name)),
            "{key}"
        );
    }
}

async fn openssh_s_scp_says_what_it_means_and_no_more(backend: Backend) {
    let world = World::new(backend).await;
    world.hide(&NEIGHBOURS);
    let own = ["inbox/home/acme/"];
    let (acme, before) = (acme(&world), world.beside(&own));
    // Names that a shell would read otherwise, both ways of the protocol.
    let names = ["a b", "$HOME", "x;y", "q'q", "star*", "[x]", "`id`", "-r"];
    for (way, names) in [("-s", &names[..]), ("-O", &["x;y", "a&b", "[x]"])] {
        for name in names {
            let remote = match way {
                "-s" => format!("{{}}:./{name}"),
                _ => format!("{{}}:'./{name}'"),
            };
            let said = acme.scp(&[way, "own", &remote]).await;
            assert!(said.done, "{way} {name}: {}", said.text);
            let object = world.object(&format!("home/acme/{name}"));
            assert_eq!(object.as_deref(), Some(OWN), "{way} {name}");
        }
    }
    for way in ["-O", "-s"] {
        for (number, remote) in [
            "../*",
            "../acme2",
            "/inbox/home/acme?/secret",
            "../../secret",
        ]
        .iter()
        .enumerate()
        {
            let (from, to) = (format!("{{}}:{remote}"), format!("got{way}{number}"));
            acme.scp(&[way, "-r", &from, &to]).await;
        }
    }
    crate::clients::nothing_was_got(&world.desk());
    assert_eq!(world.beside(&own), before);
}

on_each_store!(
    no_argument_and_no_line_of_scp_leads_out,
    openssh_s_scp_says_what_it_means_and_no_more,
);
