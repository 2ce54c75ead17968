//! Tables as the programs of this world write them, and the requests that come of them.

use std::fs;

use serde_json::{Value, json};

use super::{CREATE_CASE, ECHO, Night};

/// What the gateway was sent as inputs, in the order of the rows, as text.
fn sent(night: &Night) -> Vec<String> {
    let bodies = night.sandbox.requests().into_iter().filter(|seen| seen.correlation_id.is_some());
    let bodies = bodies.filter(|seen| seen.method == "POST").map(|seen| seen.body);
    let inputs = |body: String| {
        body.split_once("\"inputs\":").unwrap().1.split_inclusive('}').next().unwrap().to_owned()
    };
    bodies.map(inputs).collect()
}

#[test]
fn a_table_is_sent_as_it_was_meant_with_the_types_of_the_policy_and_of_the_mapping() {
    let table = "\u{feff}No,Customer,Prio,Amount,Paid,Note\r\n\
                 1,\"Smith, \"\"Jo\"\"\",3,12345678901234567890,TRUE,\"two\r\nlines\"\r\n\
                 2,007,1,0.10,false,\r\n";
    let night = Night::new("cases.csv", table);
    let policy = format!(
        "[[action]]\nid = \"{ECHO}\"\nname = \"echo\"\n[action.inputs]\ncustomer = {{ type = \"string\" }}\n\
         priority = {{ type = \"integer\" }}\namount = {{ type = \"number\" }}\npaid = {{ type = \"boolean\" }}\n\
         note = {{ type = [\"string\", \"null\"] }}\n"
    );
    fs::write(night.path("policy.toml"), policy).unwrap();
    let more: Vec<&str> =
        "--policy policy.toml --action echo --key No --concurrency 1 --map customer=Customer \
                           --map priority=Prio --map amount=Amount --map paid=Paid --map note=Note"
            .split_whitespace()
            .collect();
    let said = night.run(&more);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        sent(&night),
        [
            r#"{"customer":"Smith, \"Jo\"","priority":3,"amount":12345678901234567890,"paid":true,"note":"two\r\nlines"}"#,
            r#"{"customer":"007","priority":1,"amount":0.10,"paid":false}"#,
        ]
    );
    let results = night.results();
    assert_eq!((&results[&0]["line"], &results[&1]["line"]), (&json!(2), &json!(4)));
    assert!(fs::read_to_string(&night.out).unwrap().contains("12345678901234567890"));
    // How it is read is known from the first time on.
    assert_eq!(night.run(&["--resume", "--policy", "policy.toml"]).code, Some(0));
}

#[test]
fn rows_of_a_table_that_cannot_be_meant_are_named_and_the_others_are_sent() {
    let table = "id,priority\n1,2\n2\n3,x\n4,2,9\n5,\n";
    let night = Night::new("cases.csv", table);
    let said = night.run(&["--action", ECHO, "--map", "priority=priority:integer", "--key", "id"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let results = night.results();
    let executed: Vec<_> = results.values().map(|line| line["executed"].as_str().unwrap()).collect();
    assert_eq!(executed, ["yes", "no", "no", "no", "yes"]);
    assert!(
        said.stderr.contains("row 2, line 4: ") && said.stderr.contains("must be an integer"),
        "{said:?}"
    );
    assert!(said.stderr.contains("must have 2 fields as the header has, got 3"), "{said:?}");
    let failed = fs::read_to_string(night.path("out.failed.jsonl")).unwrap();
    let failed: Vec<Value> = failed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(failed.iter().all(|row| row.get("inputs").is_none() && row["mistakes"].is_array()), "{failed:?}");
    assert_eq!(night.sandbox.totals().executions, 2);
}

#[test]
fn a_header_that_cannot_be_meant_is_said_at_once_and_nothing_is_begun() {
    let night = Night::new("cases.csv", "a,b,a\n1,2,3\n");
    let said = night.run(&["--map", "x=c", "--key", "d"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    for what in ["`a` is the name of more than one column", "column `c`", "column `d`", "no action is named"]
    {
        assert!(said.stderr.contains(what), "{what}: {said:?}");
    }
    fs::write(&night.file, format!("actionId,customerId\n{CREATE_CASE},\"CUST-1\n")).unwrap();
    let said = night.run(&[]);
    // A quote that nobody closed takes the rest of a short file: the row is what it says.
    assert!(said.code.is_some() && night.sandbox.totals().executions <= 1, "{said:?}");
    assert_eq!(night.run(&["--map", "x", "--action", "y"]).code, Some(2));
}
