"""Tasks in SQS: finding and making queues, messages, sending, redrive."""
