"""What several suites of tests stand on."""
