//! PyO3 conversion and nothing else: one submodule for each of media, hub and rtc.
