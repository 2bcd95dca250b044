# cmake -DFOLDER=config/providers -DOUTPUT=presets.cpp -P embed_presets.cmake
# Writes each preset as a raw string, so that the binary needs no files beside it.
file(GLOB files ${FOLDER}/*.yaml)
set(names "")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  list(APPEND names ${name})
endforeach()
list(SORT names COMPARE STRING) # by name: with ".yaml" the order would be another
set(rows "")
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name}.yaml text)
  string(APPEND rows "    {\"${name}\", R\"preset(${text})preset\"},\n")
endforeach()
set(source "// Generated from config/providers by embed_presets.cmake.
#include \"embedded_presets.hpp\"

#include <algorithm>
#include <iterator>

namespace waybill::catalog {
namespace {

constexpr EmbeddedPreset kPresets[] = {
${rows}};

static_assert(std::is_sorted(std::begin(kPresets), std::end(kPresets),
                             [](const EmbeddedPreset& a, const EmbeddedPreset& b) { return a.name < b.name; }));

}  // namespace

std::span<const EmbeddedPreset> embedded_presets() noexcept { return kPresets; }

}  // namespace waybill::catalog
")
set(before "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT before STREQUAL source)
  file(WRITE ${OUTPUT} "${source}")
endif()
