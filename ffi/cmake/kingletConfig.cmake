# find_package(kinglet) of a packaged library: kinglet::kinglet, and kinglet::shared where there is a shared one.
get_filename_component(_kinglet_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET kinglet::kinglet)
    add_library(kinglet::kinglet STATIC IMPORTED)
    set_target_properties(kinglet::kinglet PROPERTIES
        IMPORTED_LOCATION "${_kinglet_prefix}/lib/libkinglet.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_kinglet_prefix}/include")
endif()
if(EXISTS "${_kinglet_prefix}/lib/libkinglet.so" AND NOT TARGET kinglet::shared)
    add_library(kinglet::shared SHARED IMPORTED)
    set_target_properties(kinglet::shared PROPERTIES
        IMPORTED_LOCATION "${_kinglet_prefix}/lib/libkinglet.so"
        IMPORTED_SONAME "libkinglet.so.0"
        INTERFACE_INCLUDE_DIRECTORIES "${_kinglet_prefix}/include")
endif()
set(kinglet_FOUND TRUE)
unset(_kinglet_prefix)
