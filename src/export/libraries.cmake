# export: zlib packs what is sent.
find_package(ZLIB REQUIRED)
set(ROOM_LIBRARIES ZLIB::ZLIB)
