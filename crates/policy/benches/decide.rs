//! What a decision costs: ten statements, asked for an object that the last of them allows.

use model::Timestamp;
use policy::{
    Compiled, Context, Document, Home, Operation, Paths, PolicySet, Request, Resource, S3Action,
    Variables, compile,
};

fn main() {
    divan::main();
}

fn ten_statements() -> Compiled {
    let filler: String = (0..6)
        .map(|n| {
            format!(
                r#"{{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::other{n}/*/x?/*"}},"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{filler}
        {{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*/private/*"}},
        {{"Effect": "Deny", "Action": "s3:*", "Resource": "*",
          "Condition": {{"NotIpAddress": {{"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]}}}}}},
        {{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::${{transfer:HomeBucket}}",
          "Condition": {{"StringLike": {{"s3:prefix": ["${{transfer:HomeFolder}}", "${{transfer:HomeFolder}}/*"]}}}}}},
        {{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
          "Resource": "arn:aws:s3:::${{transfer:HomeDirectory}}*"}}]}}"#
    );
    let document = Document::parse("bench", &text).expect("written above");
    assert_eq!(document.statements(), 10);
    let set = PolicySet::new("role", vec![document]).expect("one document");
    let home = Home::parse("/uploads/home/acme").expect("written above");
    let address = [192, 0, 2, 7].into();
    compile(&[set], &Variables::new("acme").at_home(home).from(address))
}

#[divan::bench]
fn decide(bencher: divan::Bencher<'_, '_>) {
    let policy = ten_statements();
    let resource = Resource::object("uploads", "home/acme/2026/11/21/orders-0001.csv");
    let request = Request {
        action: S3Action::PutObject,
        resource: &resource,
        context: Context::at(Timestamp::from_seconds(1_795_262_707)),
    };
    assert!(policy.decide(&request).is_allowed());
    bencher.bench(|| policy.decide(divan::black_box(&request)));
}

#[divan::bench]
fn permits_a_rename(bencher: divan::Bencher<'_, '_>) {
    let policy = ten_statements();
    let paths = Paths::at("uploads", "home/acme/a.filepart").to("uploads", "home/acme/a");
    let context = Context::at(Timestamp::from_seconds(1_795_262_707));
    let ask = || {
        policy.permits(
            Operation::RenameTemporary,
            divan::black_box(&paths),
            &context,
        )
    };
    assert!(ask().is_allowed());
    bencher.bench(ask);
}

#[divan::bench]
fn permits_a_listing(bencher: divan::Bencher<'_, '_>) {
    let policy = ten_statements();
    let paths = Paths::at("uploads", "home/acme/2026");
    let context = Context::at(Timestamp::from_seconds(1_795_262_707));
    let ask = || policy.permits(Operation::List, divan::black_box(&paths), &context);
    assert!(ask().is_allowed());
    bencher.bench(ask);
}

/// What a login costs: the documents read and compiled.
#[divan::bench]
fn reads_and_compiles(bencher: divan::Bencher<'_, '_>) {
    bencher.bench(ten_statements);
}
