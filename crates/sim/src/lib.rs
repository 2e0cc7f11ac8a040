//! A seeded simulator of disk, clock, arrivals and crashes around the real journal, state and engine, checked against a
//! slow, obvious reference model. Never shipped.
