# journal: nothing beyond base and event.
set(ROOM_LIBRARIES)
