/* Does nothing, for ever: a firmware that programs may stop anywhere. */
int main(void)
{
    for (;;) {
    }
}
