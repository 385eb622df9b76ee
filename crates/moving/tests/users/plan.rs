//! What a plan makes of a source, in a database.

use database::{Database, DatabaseUrl, HomeType, NewServer, NewUser, Settings, UserChanges};
use identity::{HashCost, Passwords};
use model::{ErrorKind, Secret, ServerId, Timestamp, UserName};
use moving::users::{Arrivals, Here, Options, Plan, Prepared, Report, csv};

use crate::{KEY, SHA512};

const NOW: Timestamp = Timestamp::from_seconds(1_801_353_600);
const OTHER_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHe3ceRlGeCW0oevY4EAToiK1slI0y92jM3wss2g3zHF desk";

struct World {
    database: Database,
    server: ServerId,
    passwords: Passwords,
    _folder: tempfile::TempDir,
}

fn name(text: &str) -> UserName {
    UserName::parse(text).expect("a name")
}

fn options(source: &'static str) -> Options {
    Options {
        source,
        group: None,
        role: None,
        replace: false,
        without_credentials: false,
        now: NOW,
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("pierhead.db"));
        let database = Database::open(&url, Settings::default())
            .await
            .expect("open");
        let servers = database.servers();
        let new = NewServer::named("default");
        let server = servers.find_or_create(&new, NOW);
        let server = server.await.expect("a server").id;
        let cost = HashCost {
            memory_kib: 64,
            passes: 1,
            lanes: 1,
        };
        Self {
            database,
            server,
            passwords: Passwords::new(cost, 2).expect("within bounds"),
            _folder: folder,
        }
    }

    async fn plan(&self, arrivals: Arrivals, options: &Options) -> Plan {
        let here = Here::read(&self.database, &self.server)
            .await
            .expect("read");
        let prepared = Prepared::new(&arrivals, &here, &self.passwords, &|| ());
        let prepared = prepared.await.expect("compared");
        Plan::new(arrivals, &here, &prepared, options, &|user| match user
            .home_directory
            .starts_with('/')
        {
            true => Ok(()),
            false => Err("his home does not begin with /".to_owned()),
        })
    }

    async fn carry_out(&self, plan: &Plan) -> moving::Result<()> {
        Box::pin(plan.carry_out(&self.database, &self.passwords, NOW, &|| ())).await
    }

    /// Moves a CSV text in. Returns `created/changed/unchanged` and the report.
    async fn csv(&self, text: &str, options: &Options) -> (String, Report) {
        let arrivals = csv::read(text, Some("/inbox/${transfer:UserName}")).expect("CSV");
        let mut plan = self.plan(arrivals, options).await;
        plan.generate();
        self.carry_out(&plan).await.expect("moved");
        let report = Report::of(&plan, false);
        let counts = format!(
            "{}/{}/{}",
            report.created.len(),
            report.changed.len(),
            report.unchanged
        );
        (counts, report)
    }

    async fn user(&self, text: &str) -> database::Credentials {
        let found = self
            .database
            .users()
            .credentials(&self.server, &name(text))
            .await;
        found.expect("read").expect("a user")
    }
}

fn what(report: &Report, user: &str) -> String {
    let mut changed = report.changed.iter().filter(|it| it.name == user);
    changed.next().map_or(String::new(), |it| it.what.join(","))
}

#[tokio::test]
async fn a_move_can_be_repeated_and_brings_what_changed_there() {
    let world = World::new().await;
    let first = format!(
        "name,password_hash,keys,group,max_files\nacme,{SHA512},{KEY},partners,\nbeta,{SHA512},,partners,7\n"
    );
    let csv = options("csv");
    let (counts, report) = world.csv(&first, &csv).await;
    assert_eq!(counts, "2/0/0");
    assert_eq!(report.groups, ["partners"]);
    let acme = world.user("acme").await;
    assert_eq!(acme.keys.len(), 1);
    assert_eq!(
        acme.user.password_hash.as_ref().expect("a hash").expose(),
        SHA512
    );
    let (counts, report) = world.csv(&first, &csv).await;
    assert_eq!((counts.as_str(), report.findings.len()), ("0/0/2", 0));
    let second = format!(
        "name,password_hash,keys,group,max_files\nacme,{SHA512},{OTHER_KEY},partners,\nbeta,,,others,8\n"
    );
    let (counts, report) = world.csv(&second, &csv).await;
    assert_eq!(counts, "0/2/0");
    assert_eq!(what(&report, "acme"), "keys");
    assert_eq!(what(&report, "beta"), "limits,group,password");
    let acme = world.user("acme").await;
    assert_eq!(acme.keys.len(), 1);
    assert_eq!(acme.keys[0].comment, "desk");
    assert!(world.user("beta").await.user.password_hash.is_none());
}

#[tokio::test]
async fn what_was_changed_here_stays() {
    let world = World::new().await;
    let text = format!("name,password_hash,keys,max_files\nacme,{SHA512},{KEY},7\n");
    let csv = options("csv");
    world.csv(&text, &csv).await;
    let acme = world.user("acme").await;
    let users = world.database.users();
    let changes = UserChanges {
        disabled: Some(true),
        ..UserChanges::default()
    };
    users
        .update(acme.user.id, changes, NOW)
        .await
        .expect("disabled");
    // As a login does.
    let ours = Secret::new("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned());
    let old = acme.user.password_hash.clone().expect("a hash");
    users
        .rehash(acme.user.id, &old, &ours)
        .await
        .expect("rehashed");
    let keys = world.database.ssh_keys();
    keys.remove(acme.user.id, acme.keys[0].id)
        .await
        .expect("removed");
    assert_eq!(world.csv(&text, &csv).await.0, "0/0/1");
    let (counts, report) = world.csv(&text.replace(",7", ",8"), &csv).await;
    assert_eq!(counts, "0/1/0");
    assert_eq!(what(&report, "acme"), "limits");
    let acme = world.user("acme").await;
    assert!(acme.user.disabled && acme.keys.is_empty());
    assert_eq!(acme.user.limits.files, Some(8));
    assert_eq!(
        acme.user.password_hash.expect("a hash").expose(),
        ours.expose()
    );
    // Another password there is another password here.
    let other = SHA512.replace("hRM5", "hRM6");
    let (_, report) = world.csv(&text.replace(SHA512, &other), &csv).await;
    assert_eq!(what(&report, "acme"), "limits,password");
}

#[tokio::test]
async fn plain_passwords_are_hashed_and_found_again() {
    let world = World::new().await;
    let csv = options("csv");
    let text = "name,password\nacme,short\nbeta,generate\n";
    assert_eq!(world.csv(text, &csv).await.0, "2/0/0");
    let acme = world.user("acme").await.user;
    let hash = acme.password_hash.as_ref().expect("a hash");
    assert!(hash.expose().starts_with("$argon2id$"));
    let right = world
        .passwords
        .verify(&Secret::new("short".to_owned()), Some(hash))
        .await;
    assert!(right.expect("verified"));
    let beta = world.user("beta").await.user.password_hash.expect("a hash");
    assert_eq!(world.csv(text, &csv).await.0, "0/0/2");
    let again = world.user("beta").await.user.password_hash.expect("a hash");
    assert_eq!(again.expose(), beta.expose(), "made once");
    let (counts, report) = world.csv(&text.replace("short", "longer"), &csv).await;
    assert_eq!(
        (counts.as_str(), what(&report, "acme").as_str()),
        ("0/1/1", "password")
    );
}

#[tokio::test]
async fn who_is_here_already_is_taken_over_only_when_it_is_said() {
    let world = World::new().await;
    let new = NewUser::new(world.server.clone(), name("acme"), "/old/acme");
    world
        .database
        .users()
        .create(new, NOW)
        .await
        .expect("create");
    let text =
        format!("name,password_hash,home_type\nacme,{SHA512},PATH\nbeta,{SHA512},\nempty,,\n");
    let (counts, report) = world.csv(&text, &options("csv")).await;
    assert_eq!(counts, "1/0/0");
    let told: Vec<&str> = report.findings.iter().map(|it| it.about.as_str()).collect();
    assert_eq!(told, ["acme", "empty"]);
    let (counts, _) = world.csv(&text, &options("sql")).await;
    assert_eq!(counts, "0/0/0", "beta came from elsewhere");
    let replace = Options {
        replace: true,
        ..options("csv")
    };
    assert_eq!(world.csv(&text, &replace).await.0, "0/1/1");
    let acme = world.user("acme").await.user;
    assert_eq!(
        (acme.home_type, acme.home_directory.as_str()),
        (HomeType::Path, "/inbox/acme")
    );
    assert_eq!(world.csv(&text, &options("csv")).await.0, "0/0/2");
}

#[tokio::test]
async fn all_move_or_nobody_does() {
    let world = World::new().await;
    let text = format!(
        "name,password_hash,role,home\nacme,{SHA512},nowhere,\nbeta,{SHA512},,\ngamma,{SHA512},,inbox\n"
    );
    let arrivals = csv::read(&text, Some("/inbox/${transfer:UserName}")).expect("CSV");
    let plan = world.plan(arrivals, &options("csv")).await;
    assert_eq!(plan.faults(), 2);
    let report = Report::of(&plan, true);
    assert_eq!(report.created, ["beta"]);
    let told = report.to_string();
    assert!(told.contains("fault    acme: his role nowhere"), "{told}");
    assert!(
        told.ends_with("0 skipped, 2 faults (dry run: nothing was changed)"),
        "{told}"
    );
    assert!(!told.contains("$6$"));
    // Somebody changes a user between the plan and its end.
    world
        .database
        .revocation()
        .advance()
        .await
        .expect("advanced");
    let error = world.carry_out(&plan).await.expect_err("in between");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("nothing was"), "{error}");
    let users = world
        .database
        .users()
        .list(&world.server)
        .await
        .expect("list");
    assert!(users.is_empty());
}

#[tokio::test]
async fn roles_come_with_their_policies_or_with_nothing_to_do() {
    let world = World::new().await;
    let user = |name: &str, role: &str| {
        format!(
            r#"{{"User":{{"UserName":"{name}","Role":"arn:aws:iam::1:role/{role}","HomeDirectory":"/b/{name}",
                "SshPublicKeys":[{{"SshPublicKeyBody":"{KEY}"}}]}}}}"#
        )
    };
    let users = [
        user("acme", "partner"),
        user("beta", "bare"),
        user("gamma", "odd"),
    ]
    .concat();
    let iam = r#"{"RoleName":"partner","PolicyName":"put","PolicyDocument":{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}]}}
        {"RoleName":"odd","PolicyName":"odd","PolicyDocument":{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringLikes":{"a":"b"}}}]}}"#;
    let arrivals =
        moving::users::aws_transfer::read(&[users], &[iam.to_owned()], None).expect("read");
    let plan = world.plan(arrivals, &options("aws-transfer")).await;
    world.carry_out(&plan).await.expect("moved");
    let report = Report::of(&plan, false);
    assert_eq!(report.created, ["acme", "beta"]);
    assert_eq!(report.roles, ["partner", "bare"]);
    assert_eq!(report.policies, ["partner-put"]);
    let told = report.to_string();
    assert!(
        told.contains("fault    role odd: its policy odd is not understood"),
        "{told}"
    );
    assert!(
        told.contains("note     role bare: the source does not say"),
        "{told}"
    );
    let roles = world.database.roles();
    let partner = roles
        .documents("partner")
        .await
        .expect("read")
        .expect("a role");
    assert_eq!(
        partner.role.arn.as_deref(),
        Some("arn:aws:iam::1:role/partner")
    );
    assert_eq!(partner.documents.len(), 1);
    assert_eq!(
        world.user("acme").await.user.role.as_deref(),
        Some("partner")
    );
}

#[tokio::test]
async fn who_has_no_credentials_comes_where_that_is_wanted() {
    let world = World::new().await;
    let text = "name\nacme\n";
    let (counts, report) = world.csv(text, &options("csv")).await;
    assert_eq!(counts, "0/0/0");
    assert!(report.to_string().contains("skipped  acme: he has neither"));
    let wanted = Options {
        without_credentials: true,
        ..options("csv")
    };
    let (counts, _) = world.csv(text, &wanted).await;
    assert_eq!(counts, "1/0/0");
    assert!(world.user("acme").await.user.password_hash.is_none());
    // A password that he got here is nothing that the source took away.
    let hash = Some(Secret::new(SHA512.to_owned()));
    let acme = world.user("acme").await.user;
    let users = world.database.users();
    let set = users.set_password_hash(acme.id, hash, NOW).await;
    set.expect("set");
    let (counts, _) = world.csv(text, &wanted).await;
    assert_eq!(counts, "0/0/1");
    assert!(world.user("acme").await.user.password_hash.is_some());
}
