# The targets, for a Prism that is installed and for one that is built beside a program.
# prism_targets(folder of headers, shared library, static library [GLOBAL])
function(prism_targets include shared static)
  get_filename_component(soname "${shared}" NAME)
  add_library(Prism::prism SHARED IMPORTED ${ARGN})
  set_target_properties(Prism::prism PROPERTIES
    IMPORTED_LOCATION "${shared}"
    IMPORTED_SONAME "${soname}"
    INTERFACE_INCLUDE_DIRECTORIES "${include}")
  add_library(Prism::prism-static STATIC IMPORTED ${ARGN})
  set_target_properties(Prism::prism-static PROPERTIES
    IMPORTED_LOCATION "${static}"
    IMPORTED_LINK_INTERFACE_LANGUAGES C
    INTERFACE_INCLUDE_DIRECTORIES "${include}"
    INTERFACE_LINK_LIBRARIES "-lutil;-lrt;-lpthread;-lm;-ldl")
endfunction()
