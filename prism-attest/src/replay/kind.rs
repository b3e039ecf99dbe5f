use std::fmt;

use serde::{Serialize, Serializer};

/// What an event is about (profile, section 10.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventType(u32);

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl EventType {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The name in the profile, if it has one there.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($text),)* _ => None }
            }
        }
    };
}

types! {
    /// Reserved.
    PREBOOT_CERT = 0x0, "EV_PREBOOT_CERT";
    /// Firmware's own code.
    POST_CODE = 0x1, "EV_POST_CODE";
    /// Nothing was measured: the event tells something.
    NO_ACTION = 0x3, "EV_NO_ACTION";
    /// The end of what firmware measured before it started something else.
    SEPARATOR = 0x4, "EV_SEPARATOR";
    /// A sentence about what happens.
    ACTION = 0x5, "EV_ACTION";
    /// Measured by an operating system or its loader.
    EVENT_TAG = 0x6, "EV_EVENT_TAG";
    /// The static root of trust for measurement.
    S_CRTM_CONTENTS = 0x7, "EV_S_CRTM_CONTENTS";
    /// Its version.
    S_CRTM_VERSION = 0x8, "EV_S_CRTM_VERSION";
    /// Microcode.
    CPU_MICROCODE = 0x9, "EV_CPU_MICROCODE";
    /// Configuration of the platform.
    PLATFORM_CONFIG_FLAGS = 0xa, "EV_PLATFORM_CONFIG_FLAGS";
    /// Devices.
    TABLE_OF_DEVICES = 0xb, "EV_TABLE_OF_DEVICES";
    /// A hash given from outside.
    COMPACT_HASH = 0xc, "EV_COMPACT_HASH";
    /// A boot loader's code or words.
    IPL = 0xd, "EV_IPL";
    /// A boot loader's data.
    IPL_PARTITION_DATA = 0xe, "EV_IPL_PARTITION_DATA";
    /// Code of another processor.
    NONHOST_CODE = 0xf, "EV_NONHOST_CODE";
    /// Configuration of another processor.
    NONHOST_CONFIG = 0x10, "EV_NONHOST_CONFIG";
    /// Another processor is there.
    NONHOST_INFO = 0x11, "EV_NONHOST_INFO";
    /// Events about boot devices are left out.
    OMIT_BOOT_DEVICE_EVENTS = 0x12, "EV_OMIT_BOOT_DEVICE_EVENTS";
    /// A UEFI variable that configures drivers, such as those of Secure Boot.
    EFI_VARIABLE_DRIVER_CONFIG = 0x8000_0001, "EV_EFI_VARIABLE_DRIVER_CONFIG";
    /// A UEFI variable that says what to boot.
    EFI_VARIABLE_BOOT = 0x8000_0002, "EV_EFI_VARIABLE_BOOT";
    /// A program that firmware starts.
    EFI_BOOT_SERVICES_APPLICATION = 0x8000_0003, "EV_EFI_BOOT_SERVICES_APPLICATION";
    /// A driver for the time of boot.
    EFI_BOOT_SERVICES_DRIVER = 0x8000_0004, "EV_EFI_BOOT_SERVICES_DRIVER";
    /// A driver that stays.
    EFI_RUNTIME_SERVICES_DRIVER = 0x8000_0005, "EV_EFI_RUNTIME_SERVICES_DRIVER";
    /// A table of partitions.
    EFI_GPT_EVENT = 0x8000_0006, "EV_EFI_GPT_EVENT";
    /// A sentence about what firmware does.
    EFI_ACTION = 0x8000_0007, "EV_EFI_ACTION";
    /// Firmware that is loaded.
    EFI_PLATFORM_FIRMWARE_BLOB = 0x8000_0008, "EV_EFI_PLATFORM_FIRMWARE_BLOB";
    /// Tables that firmware hands over.
    EFI_HANDOFF_TABLES = 0x8000_0009, "EV_EFI_HANDOFF_TABLES";
    /// Firmware that is loaded, with a description.
    EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000_000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2";
    /// Tables that firmware hands over, with a description.
    EFI_HANDOFF_TABLES2 = 0x8000_000b, "EV_EFI_HANDOFF_TABLES2";
    /// A UEFI variable that says what to boot, hashed whole.
    EFI_VARIABLE_BOOT2 = 0x8000_000c, "EV_EFI_VARIABLE_BOOT2";
    /// A table of partitions without the disk's identity.
    EFI_GPT_EVENT2 = 0x8000_000d, "EV_EFI_GPT_EVENT2";
    /// Measured before the processor's first instruction.
    EFI_HCRTM_EVENT = 0x8000_0010, "EV_EFI_HCRTM_EVENT";
    /// The certificate that a started program was accepted by.
    EFI_VARIABLE_AUTHORITY = 0x8000_00e0, "EV_EFI_VARIABLE_AUTHORITY";
    /// Firmware of a device.
    EFI_SPDM_FIRMWARE_BLOB = 0x8000_00e1, "EV_EFI_SPDM_FIRMWARE_BLOB";
    /// Configuration of a device.
    EFI_SPDM_FIRMWARE_CONFIG = 0x8000_00e2, "EV_EFI_SPDM_FIRMWARE_CONFIG";
}

impl EventType {
    /// A type by its number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
