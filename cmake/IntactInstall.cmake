# What `cmake --install` puts where, beside the command and its manual (apps/cli): every module's library and
# headers, the default model, and the package that find_package(intact) reads. Relocatable; tests/consumer
# proves it.
include(CMakePackageConfigHelpers)

set(INTACT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/intact)
set(INTACT_HEADER_DIR ${CMAKE_INSTALL_INCLUDEDIR})

get_property(modules GLOBAL PROPERTY INTACT_MODULES)
install(TARGETS ${modules} EXPORT intactTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${INTACT_HEADER_DIR})
install(TARGETS intact_grammars EXPORT intactTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT intactTargets NAMESPACE intact:: DESTINATION ${INTACT_PACKAGE_DIR})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/intactConfig.cmake.in
  ${PROJECT_BINARY_DIR}/intactConfig.cmake INSTALL_DESTINATION ${INTACT_PACKAGE_DIR}
  NO_SET_AND_CHECK_MACRO)
# Until 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/intactConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/intactConfig.cmake ${PROJECT_BINARY_DIR}/intactConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindLz4.cmake ${PROJECT_SOURCE_DIR}/cmake/FindSodium.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindZstd.cmake
  DESTINATION ${INTACT_PACKAGE_DIR})

foreach(file LICENSE README.md CHANGELOG.md)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${file})
    install(FILES ${PROJECT_SOURCE_DIR}/${file} DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endif()
endforeach()
if(EXISTS ${PROJECT_SOURCE_DIR}/models/default.intactmodel)
  install(FILES ${PROJECT_SOURCE_DIR}/models/default.intactmodel
    DESTINATION ${CMAKE_INSTALL_DATADIR}/intact)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/format DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING PATTERN "*.md")
