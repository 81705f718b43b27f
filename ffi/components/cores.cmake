# The libraries of this package, by core. Included by the build systems that the package is for.
set(KINGLET_CORES @CORES_CMAKE@)

# The library for a core; ends the configuration where there is none.
function(kinglet_library result core)
    set(file "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/lib/${core}/libkinglet.a")
    if(NOT core IN_LIST KINGLET_CORES OR NOT EXISTS "${file}")
        message(FATAL_ERROR "kinglet: there is no library for the core \"${core}\"; there are those for ${KINGLET_CORES}")
    endif()
    set(${result} "${file}" PARENT_SCOPE)
endfunction()
