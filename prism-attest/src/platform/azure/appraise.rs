//! Are the guest's registers wanted?
