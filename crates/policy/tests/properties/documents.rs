//! Documents of few names that look alike, each of which is understood.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Texts of pieces that make sense side by side now and then.
fn text() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "h",
        "a",
        "a2",
        "/",
        "/",
        "*",
        "*",
        "?",
        "x",
        "$",
        "{",
        "${*}",
        "${?}",
        "${$}",
        "${transfer:HomeFolder}",
        "${transfer:HomeFolder}",
        "${TRANSFER:homefolder}/*",
        "${transfer:UserName}",
        "${aws:username}",
        "${aws:SourceIp}",
        "${aws:SourceIp, 'a'}",
        "${transfer:HomeBucket}",
        "${transfer:HomeDirectory}",
        "h/${transfer:UserName}/*",
    ]);
    prop::collection::vec(piece, 0..5)
        .prop_map(|pieces| {
            let text = pieces.concat();
            // "$" before "{" would begin a variable that does not end.
            text.replace("${{", "{").replace("$${", "${")
        })
        .prop_filter("a dollar sign before a brace", |text| {
            policy::Document::parse(
                "x",
                &json!({
                    "Version": "2012-10-17",
                    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
                        "Condition": {"StringLike": {"s3:prefix": text}}}
                })
                .to_string(),
            )
            .is_ok()
        })
}

fn resource() -> impl Strategy<Value = String> {
    let bucket = select(vec![
        "b",
        "b2",
        "b",
        "*",
        "?",
        "b*",
        "${transfer:HomeBucket}",
        "${transfer:HomeDirectory}",
    ]);
    let end = prop_oneof![
        Just(String::new()),
        Just("*".to_owned()),
        Just("/*".to_owned()),
        text().prop_map(|text| format!("/{text}")),
        text(),
    ];
    prop_oneof![
        1 => Just("*".to_owned()),
        1 => Just("arn:aws:sqs:e:1:b".to_owned()),
        12 => (bucket, end).prop_map(|(bucket, end)| format!("arn:aws:s3:::{bucket}{end}")),
    ]
}

fn action() -> impl Strategy<Value = &'static str> {
    select(vec![
        "*",
        "s3:*",
        "S3:*",
        "s3:Get*",
        "s3:getobject",
        "s3:PutObject",
        "s3:*Object",
        "s3:ListBucket",
        "s3:List*",
        "s3:?etObject",
        "kms:Decrypt",
        "s3:PutBucketPolicy",
        "s3:DeleteObject",
    ])
}

fn one_or_more<T>(values: impl Strategy<Value = T>) -> impl Strategy<Value = Value>
where
    T: std::fmt::Debug + Clone + serde::Serialize,
{
    prop::collection::vec(values, 1..4).prop_map(|values| match values.as_slice() {
        [one] => json!(one),
        several => json!(several),
    })
}

/// Operators without qualifier and `IfExists`, keys that go with them, values.
fn base_condition() -> impl Strategy<Value = (&'static str, &'static str, Value)> {
    let texts = select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "StringLike",
    ]);
    let text_keys = select(vec![
        "s3:prefix",
        "S3:PREFIX",
        "aws:username",
        "s3:delimiter",
        "s3:x-amz-server-side-encryption",
    ]);
    let orders = select(vec![
        "Equals",
        "NotEquals",
        "LessThan",
        "LessThanEquals",
        "GreaterThan",
        "GreaterThanEquals",
    ]);
    let numeric = |order| match order {
        "Equals" => "NumericEquals",
        "NotEquals" => "NumericNotEquals",
        "LessThan" => "NumericLessThan",
        "LessThanEquals" => "NumericLessThanEquals",
        "GreaterThan" => "NumericGreaterThan",
        _ => "NumericGreaterThanEquals",
    };
    let date = |order| match order {
        "Equals" => "DateEquals",
        "NotEquals" => "DateNotEquals",
        "LessThan" => "DateLessThan",
        "LessThanEquals" => "DateLessThanEquals",
        "GreaterThan" => "DateGreaterThan",
        _ => "DateGreaterThanEquals",
    };
    let nets = select(vec![
        "10.0.0.0/24",
        "10.0.0.0/8",
        "10.0.0.1",
        "0.0.0.0/0",
        "11.0.0.1/31",
    ]);
    let arns = select(vec![
        "*",
        "arn:aws:kms:*:1:key/*",
        "arn:aws:kms:e:?:key/a",
        "arn:*:kms:e:2:*:b",
        "arn:aws:kms:e:1:key/${aws:username}",
    ]);
    let any_key = select(vec![
        "s3:prefix",
        "aws:SourceIp",
        "s3:max-keys",
        "aws:CurrentTime",
    ]);
    let values = prop_oneof![text(), Just("/".to_owned()), Just("AES256".to_owned())];
    prop_oneof![
        6 => (texts, text_keys, one_or_more(values)),
        2 => (select(vec!["IpAddress", "NotIpAddress"]), Just("aws:SourceIp"), one_or_more(nets)),
        1 => (orders.clone().prop_map(numeric), Just("s3:max-keys"), one_or_more(select(vec![1_u32, 10, 11]))),
        1 => (orders.clone().prop_map(numeric), Just("aws:EpochTime"), one_or_more(select(vec![999_u32, 1000, 1001]))),
        1 => (orders.prop_map(date), Just("aws:CurrentTime"), one_or_more(select(vec!["999", "1000", "1970-01-01T00:16:41Z"]))),
        1 => (Just("Bool"), Just("aws:SecureTransport"), one_or_more(any::<bool>())),
        1 => (select(vec!["ArnLike", "ArnNotLike", "ArnEquals"]), Just("s3:x-amz-server-side-encryption-aws-kms-key-id"), one_or_more(arns)),
        1 => (Just("Null"), any_key, one_or_more(any::<bool>())),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let before = select(vec!["", "", "", "ForAnyValue:", "ForAllValues:"]);
    (before, base_condition(), prop::bool::weighted(0.25)).prop_map(|(before, base, if_exists)| {
        let (operator, key, values) = base;
        let word = match operator {
            "Null" => operator.to_owned(),
            _ => format!(
                "{before}{operator}{}",
                if if_exists { "IfExists" } else { "" }
            ),
        };
        json!({word: {key: values}})
    })
}

fn statement() -> impl Strategy<Value = Value> {
    (
        prop::bool::weighted(0.3),
        (prop::bool::weighted(0.15), one_or_more(action())),
        (prop::bool::weighted(0.15), one_or_more(resource())),
        prop::collection::vec(condition(), 0..3),
    )
        .prop_map(
            |(deny, (not_action, actions), (not_resource, resources), conditions)| {
                let mut statement = json!({"Effect": if deny { "Deny" } else { "Allow" }});
                statement[if not_action { "NotAction" } else { "Action" }] = actions;
                statement[if not_resource {
                    "NotResource"
                } else {
                    "Resource"
                }] = resources;
                for condition in conditions {
                    for (operator, keys) in condition.as_object().unwrap() {
                        statement["Condition"][operator] = keys.clone();
                    }
                }
                statement
            },
        )
}

pub(crate) fn document() -> impl Strategy<Value = Value> {
    (
        prop::bool::weighted(0.9),
        prop::collection::vec(statement(), 1..5),
    )
        .prop_map(|(current, statements)| {
            json!({
                "Version": if current { "2012-10-17" } else { "2008-10-17" },
                "Statement": statements,
            })
        })
}

pub(crate) fn sets() -> impl Strategy<Value = Vec<Vec<Value>>> {
    prop::collection::vec(prop::collection::vec(document(), 1..3), 1..3)
}
