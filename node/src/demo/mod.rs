//! The demo: a ministry, a school and a family on one machine.
