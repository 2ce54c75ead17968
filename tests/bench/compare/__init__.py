"""`make bench`: what an invocation costs with this library and with what people would write instead, side by side."""
