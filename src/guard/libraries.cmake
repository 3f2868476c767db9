# guard: libcrypto's SHA-256 on saved midstates (hmac_pads.cc), which its one-call HMAC cannot do.
find_package(OpenSSL REQUIRED)
set(ROOM_LIBRARIES OpenSSL::Crypto)
