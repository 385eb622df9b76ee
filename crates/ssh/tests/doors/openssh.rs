//! OpenSSH's own `sftp`, `scp` and `ssh`.

use sftp::{Attributes, OpenFlags, Reply, Request, StatusCode};

use crate::world::{World, noise};

#[tokio::test(flavor = "multi_thread")]
async fn files_are_put_listed_renamed_got_and_removed() {
    let world = World::new().await;
    let bytes = noise(3_000_000);
    std::fs::write(world.path("local"), &bytes).expect("written");
    let shown = world
        .batch(
            &[],
            "pwd\nput local 'two words'\nmkdir dir\nrename 'two words' dir/b\nls -l dir\n\
             get dir/b back\nchmod 600 dir/b\nrm dir/b\nrmdir dir\nls\n",
        )
        .await;
    assert!(shown.contains("Remote working directory: /"), "{shown}");
    assert!(shown.contains("3000000"), "{shown}");
    assert_eq!(std::fs::read(world.path("back")).expect("got"), bytes);
    assert!(world.object("dir/b").await.is_none());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_pipelines_hang_nothing() {
    let world = World::new().await;
    let bytes = noise(256 << 20);
    std::fs::write(world.path("local"), &bytes).expect("written");
    for arguments in [["-B", "32768", "-R", "1024"], ["-B", "261120", "-R", "256"]] {
        world.batch(&arguments, "put local big\n").await;
        let stored = world.object("big").await.expect("stored");
        assert!(stored == bytes, "{arguments:?}");
        drop(stored);
        world.batch(&arguments, "get big back\n").await;
        assert!(std::fs::read(world.path("back")).expect("got") == bytes);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stalls_slows_the_client_and_memory_stays_bounded() {
    use storage::memory::{Fault, Operation};
    let world = World::new().await;
    let bytes = noise(128 << 20);
    std::fs::write(world.path("local"), &bytes).expect("written");
    let stall = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let held = stall.clone();
    world
        .store
        .on_request(move |request| match request.operation {
            Operation::PutPart => Fault::Hold(held.clone()),
            _ => Fault::None,
        });
    let put = world.batch(&["-R", "256"], "put local big\n");
    let watch = async {
        while !world.buffers.in_flight.is_exceeded() {
            tokio::task::yield_now().await;
        }
        // Logins go on; the gate is for sessions.
        let client = world.client().await;
        let most = world.buffers.in_flight.in_flight();
        assert!(most <= 48 << 20, "{most} bytes are held");
        stall.add_permits(1000);
        client
    };
    let (_, client) = tokio::join!(put, watch);
    assert!(world.object("big").await.expect("stored") == bytes);
    drop(client);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scp_works_over_both_protocols() {
    let world = World::new().await;
    let bytes = noise(1_000_000);
    std::fs::create_dir_all(world.path("tree/sub")).expect("made");
    std::fs::write(world.path("tree/a b"), &bytes).expect("written");
    std::fs::write(world.path("tree/sub/empty"), b"").expect("written");
    for protocol in ["-O", "-s"] {
        let copy = async |arguments: &[&str]| {
            let mut all = vec![protocol, "-r", "-p"];
            all.extend(arguments);
            let output = world.openssh("scp", &all, "").await;
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{protocol} {arguments:?} {errors}");
        };
        let remote = format!("{{}}:up{protocol}");
        copy(&["tree", &remote]).await;
        let stored = world.object(&format!("up{protocol}/a b")).await;
        assert_eq!(stored.expect("stored"), bytes);
        let back = format!("back{protocol}");
        copy(&[&remote, &back]).await;
        let got = world.path(&back);
        assert_eq!(std::fs::read(got.join("a b")).expect("got"), bytes);
        assert_eq!(std::fs::read(got.join("sub/empty")).expect("got"), b"");
        let modified = |path: &std::path::Path| {
            let modified = std::fs::metadata(path).expect("there").modified();
            let since = modified
                .expect("known")
                .duration_since(std::time::UNIX_EPOCH);
            since.expect("after 1970").as_secs()
        };
        assert_eq!(
            modified(&got.join("a b")),
            modified(&world.path("tree/a b"))
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reput_and_put_append_continue_what_was_cut() {
    let world = World::new().await;
    let bytes = noise((20 << 20) + 777);
    std::fs::write(world.path("local"), &bytes).expect("written");
    for command in ["reput local f", "put -a local f"] {
        let safe = (12 << 20) + 333;
        cut(&world, "f", &bytes[..safe]).await;
        let shown = world.batch(&[], "ls -l\n").await;
        assert!(shown.contains("unfinished"), "{shown}");
        assert!(shown.contains(&safe.to_string()), "{shown}");
        let early = world.openssh("sftp", &["-b", "-", "{}"], "get f\n").await;
        assert!(!early.status.success(), "half a file is not got");
        world.batch(&[], &format!("{command}\n")).await;
        assert!(
            world.object("f").await.expect("stored") == bytes,
            "{command}"
        );
        world.batch(&[], "rm f\n").await;
    }
    world.stop().await;
}

/// An upload whose connection ends before CLOSE.
async fn cut(world: &World, path: &'static str, bytes: &[u8]) {
    let (client, mut sftp) = world.sftp().await;
    let open = Request::Open {
        path: path.into(),
        flags: OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE,
        attributes: Attributes::default(),
    };
    let Ok(Reply::Handle(handle)) = sftp.call(&open).await else {
        panic!("opened");
    };
    for (index, block) in bytes.chunks(100_000).enumerate() {
        let offset = index as u64 * 100_000;
        let block = bytes::Bytes::copy_from_slice(block);
        let written = sftp.write(&handle, offset, block).await;
        assert_eq!(written.expect("answered").code, StatusCode::Ok);
    }
    client.valve().cut();
    drop((sftp, client));
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(5));
    while world.gateway.sessions() > 0 {
        looks.tick().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_shells_are_refused_politely() {
    let world = World::new().await;
    let check = async |arguments: &[&str]| {
        let output = world.openssh("ssh", arguments, "").await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(shown.contains("sftp and scp"), "{shown}");
        assert!(output.stdout.is_empty());
    };
    check(&["{}", "echo ${ShellId}%ComSpec%"]).await;
    check(&["{}"]).await;
    let output = world.openssh("ssh", &["-s", "{}", "netconf"], "").await;
    assert!(!output.status.success());
    world.batch(&[], "ls\n").await;
    world.stop().await;
}
