@echo off
rem Starts the minillm command. Builds it first where that was not done yet;
rem after a change of the sources, run "mvnw.cmd -B -q -Dmaven.test.skip=true -pl minillm-cli -am package".
setlocal
set "HERE=%~dp0"
set "JAVA=java"
if defined JAVA_HOME set "JAVA=%JAVA_HOME%\bin\java"
"%JAVA%" -XX:+UseSerialGC %MINILLM_JAVA_OPTS% -version >nul 2>&1
if errorlevel 1 (
  "%JAVA%" -XX:+UseSerialGC %MINILLM_JAVA_OPTS% -version 1>&2
  echo minillm: "%JAVA%" cannot start, see above; install a JDK of version 17 or newer, set JAVA_HOME to one, or mend MINILLM_JAVA_OPTS 1>&2
  exit /b 1
)
if exist "%HERE%minillm-cli\target\minillm.built" goto run
echo Building MiniLLM ^(first use, a few minutes^)... 1>&2
pushd "%HERE%"
call mvnw.cmd -B -q -Dmaven.test.skip=true -pl minillm-cli -am package 1>&2
if errorlevel 1 (
  popd
  echo minillm: the build failed; see above 1>&2
  exit /b 1
)
popd
type nul > "%HERE%minillm-cli\target\minillm.built"
:run
"%JAVA%" -XX:+UseSerialGC -Xshare:auto -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dai.djl.offline=true -DOPT_OUT_TRACKING=true %MINILLM_JAVA_OPTS% -cp "%HERE%minillm-cli\target\*;%HERE%minillm-cli\target\lib\*" org.minillm.cli.Main %*
exit /b %ERRORLEVEL%
