"""The compiled module: one submodule for each part of Rust. Only `roomful.engine` may import `media`,
only `roomful.hub` `hub`, only `roomful.rtc` `rtc`.
"""

from roomful._native import hub as hub
from roomful._native import media as media
from roomful._native import rtc as rtc
