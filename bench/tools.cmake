# The load generator and the upstream of the benchmark: no Waybill code in them, so that
# every proxy is measured with the same.  bench/run builds them by itself where there is no
# build folder.
foreach(tool load upstream)
  add_executable(bench_${tool} ${CMAKE_CURRENT_LIST_DIR}/${tool}.cpp)
  target_link_libraries(bench_${tool} PRIVATE waybill_flags)
endforeach()
