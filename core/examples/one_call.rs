//! One call of a gateway that the environment names, and what each way of ending asks for: the second program of
//! docs/rust.md.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it says what became of the call")]

use std::time::Duration;

use cxone_actions::{ActionRequest, Client, Executed};

#[tokio::main]
async fn main() -> cxone_actions::Result<()> {
    // CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET; CXONE_POLICY and CXONE_AUDIT_DIR where they are set.
    let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let request = ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890")
        .input("customerId", "CUST-998877")
        .correlation_id("order-1122");
    match client.run(request).await {
        Ok(result) => {
            let outputs = result.outputs.as_deref().map_or("no outputs", |raw| raw.get());
            println!("{} {outputs}", result.status.as_str());
        }
        Err(error) => match error.executed() {
            Executed::No => eprintln!("safe to call again: {error}"),
            Executed::Unknown => eprintln!("look for order-1122 before calling again: {error}"),
            Executed::Yes => eprintln!("it runs or ran: {error}; go on with {:?}", error.resume_token()),
        },
    }
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
