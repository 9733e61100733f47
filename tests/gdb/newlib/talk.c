/* What newlib's standard library makes of semihosting: console, files, and an exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int answer;

int main(void)
{
    char line[64] = "";
    printf("What is your name?\n");
    if (scanf("%60s", line) == 1) {
        printf("Hello, %s!\n", line);
    }
    fprintf(stderr, "to stderr: %d\n", 42);

    FILE *file = fopen("talk.txt", "w+");
    if (file == NULL) {
        printf("no file: %s\n", strerror(errno));
        return 3;
    }
    for (int row = 0; row < 20; row++) {
        fprintf(file, "row %d\n", row);
    }
    rewind(file);
    int rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        rows++;
    }
    fclose(file);
    answer = rows;
    printf("%d rows, the last is %s", rows, line);
    printf("%s\n", remove("none.txt") == 0 ? "removed" : strerror(errno));
    return 7;
}
