//! Who gets in, how often, and how connections end.

use std::time::Duration;

use ssh::Startups;
use testkit::client::{Client, Credential};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{PASSWORD, USER, World};

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_answers_to_the_prompt_let_in_and_wrong_ones_do_not() {
    use russh::client::KeyboardInteractiveAuthResponse as Answer;
    let world = World::new().await;
    let mut client = Client::connect_unknown(world.address)
        .await
        .expect("connected");
    for (user, password) in [
        (USER, "wrong"),
        ("nobody", PASSWORD),
        ("not a name", PASSWORD),
    ] {
        let credential = Credential::password(password);
        assert!(!client.log_in(user, &credential).await.expect("answered"));
    }
    let credential = Credential::password(PASSWORD);
    assert!(client.log_in(USER, &credential).await.expect("answered"));

    let config = std::sync::Arc::new(russh::client::Config::default());
    let host = testkit::client::AnyHost;
    let connected = russh::client::connect(config, world.address, host).await;
    let mut asked = connected.expect("connected");
    let first = asked
        .authenticate_keyboard_interactive_start(USER, None)
        .await;
    let Answer::InfoRequest { prompts, .. } = first.expect("answered") else {
        panic!("not asked");
    };
    assert_eq!(prompts.len(), 1);
    let answers = vec![PASSWORD.to_owned()];
    let second = asked
        .authenticate_keyboard_interactive_respond(answers)
        .await;
    assert!(matches!(second, Ok(Answer::Success)));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_refusals_end_the_connection() {
    let world = World::with(|settings| settings.limits.auth_attempts = 2).await;
    let mut client = Client::connect_unknown(world.address)
        .await
        .expect("connected");
    let wrong = Credential::password("wrong");
    for _ in 0..2 {
        assert!(!client.log_in(USER, &wrong).await.unwrap_or(false));
    }
    let right = Credential::password(PASSWORD);
    assert!(!client.log_in(USER, &right).await.unwrap_or(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_log_in_is_sent_away() {
    let world = World::with(|s| s.login_grace = Duration::from_millis(200)).await;
    let mut silent = TcpStream::connect(world.address).await.expect("connected");
    let mut polite = TcpStream::connect(world.address).await.expect("connected");
    polite
        .write_all(b"SSH-2.0-slow\r\n")
        .await
        .expect("written");
    let mut shown = Vec::new();
    silent.read_to_end(&mut shown).await.expect("closed");
    assert!(shown.starts_with(b"SSH-2.0-Pierhead_"), "{shown:?}");
    // The second one gets as far as the key exchange, and no further.
    let closed = polite.read_to_end(&mut shown).await;
    assert!(closed.is_ok() || closed.is_err_and(|e| e.raw_os_error().is_some()));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_sessions_end() {
    let world = World::with(|s| s.idle_timeout = Duration::from_millis(300)).await;
    let (_client, mut sftp) = world.sftp().await;
    sftp.reply().await.expect_err("ended for idleness");
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_in_progress_outlive_drain() {
    let mut world = World::new().await;
    let (_client, mut sftp) = world.sftp().await;
    let flags = sftp::OpenFlags::WRITE | sftp::OpenFlags::CREATE;
    let open = sftp::Request::Open {
        path: "f".into(),
        flags,
        attributes: sftp::Attributes::default(),
    };
    let Ok(sftp::Reply::Handle(handle)) = sftp.call(&open).await else {
        panic!("no handle");
    };
    world.drain.cancel();
    let write = sftp::Write {
        handle: handle.clone(),
        offset: 0,
        data: "still here".into(),
    };
    sftp.send_write(1, &write).await.expect("sent");
    sftp.reply().await.expect("answered");
    let closed = sftp.status(&sftp::Request::Close { handle }).await;
    assert_eq!(closed.expect("answered").code, sftp::StatusCode::Ok);
    sftp.reply().await.expect_err("drained");
    while let Some(ended) = world.serving.join_next().await {
        ended.expect("no panic");
    }
    assert_eq!(world.object("f").await.expect("stored"), "still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_before_their_login_and_probes_leave_no_trace() {
    let startups = Startups {
        start: 1,
        rate: 100,
        full: 1,
    };
    let world = World::with(|s| s.limits.startups = startups).await;
    let mut greeting = [0; 8];
    let mut first = TcpStream::connect(world.address).await.expect("connected");
    first.read_exact(&mut greeting).await.expect("greeted");
    let mut second = TcpStream::connect(world.address).await.expect("connected");
    let refused = second.read_exact(&mut greeting).await;
    refused.expect_err("closed without a greeting");
    drop(first);
    // The place comes back once the server has seen the first one leave.
    let client = loop {
        let credential = Credential::password(PASSWORD);
        if let Ok(client) = Client::connect(world.address, USER, &credential).await {
            break client;
        }
        tokio::task::yield_now().await;
    };
    // Logged in, it no longer counts among those, as soon as the server has noted it.
    let third = loop {
        let mut third = TcpStream::connect(world.address).await.expect("connected");
        if third.read_exact(&mut greeting).await.is_ok() {
            break third;
        }
    };
    drop((third, client));
    world.stop().await;
}
